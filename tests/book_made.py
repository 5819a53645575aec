def _plainly(shown: object) -> tuple[dict[str, str], dict]:
    """What Jupyter shows of a frame or of anything else."""
    html = {"text/html": shown._repr_html_()} if hasattr(shown, "_repr_html_") else {}
    return {"text/plain": repr(shown), **html}, {}
