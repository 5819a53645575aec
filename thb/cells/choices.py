"""The choices that the paper leaves open, as data: what is asked, which answers there are, what each changes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import get_args

from thb.core.metrics import AUC
from thb.core.params import Params
from thb.core.params_schema import Split
from thb.core.tables import POOLS
from thb.splits import otherwise

MEAN_FIT, LOWEST, HIGHEST = "mean", "lowest", "highest"
GENERATORS, FAKES = "generators", "fakes"
POOLED = {
    "logit": "mean logit",
    "probability": "mean probability",
    "max": "highest unit",
    "median": "median unit",
    "first": "first unit alone",
}
OWN = "own"  # the pooling that a detector's own settings name


@dataclass(frozen=True)
class Choice:
    """One answer; a field left empty stays as params.yaml has it. Equal answers may be worded differently."""

    says: str = field(default="", compare=False)
    reals: tuple[str, ...] = ()  # splits of the reals that set the threshold and are ranked against
    source: str = ""  # the only source whose reals test; '': all
    split: tuple[str, ...] = ()  # splits of the fakes
    pool: str = ""  # how unit outputs became the clip's score; '': the score file
    roc: str = ""
    fit: str = MEAN_FIT  # which of several fits speaks
    mean_over: str = GENERATORS  # each generator counts once, or each fake
    accused: bool = False  # what is counted above the threshold: the test reals, not the fakes
    trained: str = ""  # the choice of thb.splits.otherwise under which the fit was trained; '': the main one

    def filled(self, params: Params, protocol: str, detector: str) -> Choice:
        """The same answer with nothing left empty."""
        p, pool = params.protocols[protocol], self.pool
        if pool == OWN:
            pool = params.detector(detector).get("pool", "")
        return replace(
            self,
            reals=self.reals or tuple(p.reals),
            split=self.split or tuple(p.split),
            roc=self.roc or params.metrics.roc,
            pool=pool,
        )

    @property
    def counted(self) -> Choice:
        """As far as it says which clips are counted with which score."""
        return replace(self, roc="", fit=MEAN_FIT, mean_over=GENERATORS)


@dataclass(frozen=True)
class Question:
    """What is open; `key` is where params.yaml decides it, '' where nothing there does.

    `called` is what is measured, by the name of the metric.
    """

    name: str
    short: str
    asks: str
    key: str
    protocols: tuple[str, ...]
    metrics: tuple[str, ...]
    choices: tuple[Choice, ...]
    base: Choice = Choice()
    called: str = "{}"


def questions(params: Params) -> dict[str, Question]:
    """name -> every question that the scores at hand can answer, in the order of the page."""
    printed = tuple(name for name, p in params.protocols.items() if p.printed)
    rates = tuple(params.metrics.fpr)
    both = (AUC, *rates)
    found = (
        Question("reals", "test reals", "Which real clips test?", "protocols.*.reals", printed, both, _reals(params)),
        Question(
            "p2_fakes",
            "fakes of P2",
            "Which fakes of the left-out generator does P2 test?",
            "protocols.P2.split",
            tuple(name for name in printed if name == "P2"),
            both,
            _splits(),
        ),
        Question(
            "unseen_fit",
            "fit for the unseen",
            "Which of the P3 fits scores the unseen generators?",
            "protocols.unseen_P3.fit",
            _with_fit(params, "every-no"),
            both,
            _fits(),
        ),
        Question(
            "pool",
            "units pooled",
            "How do a clip's units become its score?",
            "detectors.*.defaults.pool",
            _with_fit(params, "all"),
            both,
            tuple(Choice(POOLED[p], pool=p) for p in POOLS),
            Choice(pool=OWN),
        ),
        Question(
            "roc",
            "ROC read",
            "How is the ROC read between its points?",
            "metrics.roc",
            printed,
            rates,
            (Choice("as steps", roc="step"), Choice("along straight lines", roc="linear")),
        ),
        Question(
            "threshold",
            "threshold set on",
            "Which reals set the threshold?",
            "protocols.*.reals",
            printed,
            rates,
            (Choice("the test reals", reals=("test",)), Choice("the validation reals", reals=("val",))),
        ),
        Question(
            "average",
            "mean over",
            "What counts once in a mean?",
            "",
            printed,
            both,
            (Choice("each generator"), Choice("each fake, all pooled", mean_over=FAKES)),
        ),
        Question(
            "balance",
            "balance of classes",
            "How many reals and fakes train?",
            _counts(params),
            _with_fit(params, otherwise.FIT),
            both,
            (Choice("all of them"), Choice("as many reals as fakes", trained="balance")),
        ),
        Question(
            "validation",
            "validation clips",
            "How many clips choose the checkpoint?",
            _counts(params),
            _with_fit(params, otherwise.FIT),
            both,
            (Choice("the release card's rule"), Choice("the paper's rule for P1", trained="validation")),
        ),
    )
    return {question.name: question for question in found}


def _counts(params: Params) -> str:
    """Where params.yaml says how many clips there are to train and validate on, if they are rendered."""
    return f"profiles.{params.profile}.render.clips" if params.active.render else ""


def _with_fit(params: Params, fit: str) -> tuple[str, ...]:
    """The protocols, among those the paper prints, that test such fits."""
    return tuple(name for name, p in params.protocols.items() if p.printed and p.fit == fit)


def _reals(params: Params) -> tuple[Choice, ...]:
    sources = (Choice(f"{params.sources[s].printed} only", source=s) for s in params.of_role("real"))
    return (
        Choice("the test reals", reals=("test",)),
        Choice("validation and test reals", reals=("val", "test")),
        *sources,
    )


def _splits() -> tuple[Choice, ...]:
    train, val, _ = get_args(Split)
    return (
        Choice("its train split", split=(train,)),
        Choice("train and validation", split=(train, val)),
        Choice("all of the generator", split=get_args(Split)),
    )


def _fits() -> tuple[Choice, ...]:
    return (
        Choice("the mean of them all", fit=MEAN_FIT),
        Choice("the lowest", fit=LOWEST),
        Choice("the highest", fit=HIGHEST),
    )


def other_fits(params: Params) -> dict[str, str]:
    """What is open -> where params.yaml decides it ('': nowhere), of the choices that need fits which nobody trains."""
    profile = f"profiles.{params.profile}"
    return {
        "which epoch is the checkpoint": "",
        "the seed of a fit": f"{profile}.training_seed",
        "what a fit starts from": "detectors.*.defaults.start_from",
        "where a face is cropped": "detectors.*.defaults.crop",
        "frames kept of a clip": f"{profile}.store.windows",
        "units of a clip that are scored": "detectors.*.defaults.test_units",
    }
