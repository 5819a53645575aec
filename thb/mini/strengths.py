"""How strong faults and fingerprints are: chosen by `python -m thb.mini.calibrate`, then frozen.

They were chosen on CALIBRATION_SEEDS and nothing else; results are reported on another seed
(params.yaml), and a test holds the two apart.
"""

from thb.mini.fingerprint import Trace

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
TRACE_FACTOR = (0.5, 1.6)

# Periods lie near each other within a family, so that a part of what is learnt carries over.
TRACES = {
    "hallo": Trace(smoothing=0.15, grid=0.012, period=4.0, angle=0.0),
    "hallo2": Trace(smoothing=0.15, grid=0.012, period=4.3, angle=0.0),
    "aniportrait_audio": Trace(smoothing=0.15, grid=0.012, period=3.7, angle=0.0),
    "aniportrait_video": Trace(smoothing=0.15, grid=0.012, period=3.4, angle=0.0),
    "liveportrait": Trace(smoothing=0.10, grid=0.014, period=2.9, angle=0.5),
    "emoportraits": Trace(smoothing=0.10, grid=0.014, period=2.6, angle=0.5),
    "magi1": Trace(smoothing=0.15, grid=0.012, period=4.1, angle=0.0),
    "hallo3": Trace(smoothing=0.15, grid=0.012, period=4.5, angle=0.0),
}
