"""How strong faults and fingerprints are: chosen on CALIBRATION_SEEDS and nothing else, then frozen.

What decided: the shares that curation removes (wanted: of the order of the paper's), and what small
networks trained on those seeds' corpora learnt (wanted: P1 clearly above chance and below 1, P3 below P1).
Most of the looking was done on the first seed. `python -m thb.rendered.calibrate` shows the removed shares and a
linear look at spectra, which is weaker than any network. Results are reported on another seed (params.yaml);
a test holds the two apart.
"""

from thb.rendered.fakes.fingerprint import Trace

CALIBRATION_SEEDS = (101, 202, 303)

# source: (median, spread in log units) of how bad a clip's faults are; 1 is plain to see.
SEVERITY = {
    "hallo": (0.75, 0.8),
    "hallo2": (1.05, 0.8),
    "aniportrait_audio": (1.4, 0.8),
    "aniportrait_video": (0.7, 0.8),
    "liveportrait": (0.47, 0.8),
    "emoportraits": (0.48, 0.8),
    "magi1": (0.4, 0.6),
    "hallo3": (0.5, 0.8),
    "faceswap": (1.0, 0.3),
}

# A clip's fingerprint is its generator's, times a factor between these.
TRACE_FACTOR = (0.35, 1.6)

# Periods lie near each other within a family, so that a part of what is learnt carries over.
TRACES = {
    "hallo": Trace(smoothing=0.10, grid=0.0095, period=4.00, angle=0.0),
    "hallo2": Trace(smoothing=0.10, grid=0.0095, period=4.30, angle=0.0),
    "aniportrait_audio": Trace(smoothing=0.10, grid=0.0095, period=3.70, angle=0.0),
    "aniportrait_video": Trace(smoothing=0.10, grid=0.0095, period=3.45, angle=0.0),
    "liveportrait": Trace(smoothing=0.10, grid=0.0105, period=3.20, angle=0.2),
    "emoportraits": Trace(smoothing=0.10, grid=0.0110, period=3.05, angle=0.2),
    "magi1": Trace(smoothing=0.10, grid=0.0095, period=4.15, angle=0.0),
    "hallo3": Trace(smoothing=0.10, grid=0.0095, period=4.50, angle=0.0),
}
