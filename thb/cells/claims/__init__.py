"""The paper's claims: paper/claims.yaml judged on the paper's own tables and on the cells computed here.

`ledger` reads and judges them, `one_detector` puts what they say of any detector to a single one; `on_cells` (with
`on_classes`), `on_tables` and `on_heat` are the checks that a claim may name; `cells` are the numbers that checks on
cells ask for.
"""
