"""What a reader looks at: tables, figures and sentences, computed from results/ and paper/published.

Each kind of exhibit is one module with `build(...) -> Exhibit`; each has one notebook of the same name.
Nothing below this package imports torch.
"""
