"""What is asked of an experiment, and what is answered: the plan and the report. `asdict` of the report is the JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from processors.experiments import sequences
from processors.experiments.estimates import Interval
from processors.experiments.metrics import Metric
from processors.experiments.multiplicity import Correction
from processors.experiments.verdict import Mode


@dataclass(frozen=True)
class Plan:
    """What is asked of the data. All of it can be settled before they are seen."""

    metrics: Sequence[Metric]
    guardrails: Sequence[Metric] = ()
    """An arm that is worse on one of these is stopped."""
    split: Mapping[str, float] | None = None
    """The share of the units that each arm should get; equal shares by default."""
    control: str | None = None
    covariates: Sequence[str] = ()
    mode: Mode = "sequential"
    correction: Correction = "holm"
    alpha: float = sequences.ALPHA
    days: float | None = None
    """How long the experiment has run, where that is known."""
    propensity: str | None = None
    """Of a bandit: the column with the probability by which each unit got its arm."""
    time: str | None = None
    """Of a bandit: the column to order units by; the order of rows by default."""


@dataclass(frozen=True)
class SampleRatio:
    counts: dict[str, int]
    expected: dict[str, float]
    counted: str
    """`units`, or `clusters` where these were assigned whole."""
    p: float
    """Chi-square; decides in a fixed-horizon analysis."""
    sequential_p: float
    """Holds at every look; decides in a sequential analysis."""
    alarm: bool


@dataclass(frozen=True)
class ArmResult:
    """A metric in one arm, and beside control. All but the first three are None for control itself."""

    n: int
    """Units with a value."""
    mean: float
    """The metric itself: a ratio or a quantile where it is one. Never adjusted by covariates."""
    missing: int
    """Units without a value."""
    effect: float | None = None
    """Arm minus control; adjusted by the covariates when there are any."""
    relative: float | None = None
    """`effect` as a share of control's value."""
    ci: Interval | None = None
    """Fixed-horizon confidence interval."""
    p: float | None = None
    """Of the fixed-horizon test."""
    cs: Interval | None = None
    """Confidence sequence: holds at every look."""
    p_always_valid: float | None = None
    p_adjusted: float | None = None
    """For the number of comparisons; so are the others with this ending."""
    ci_adjusted: Interval | None = None
    cs_adjusted: Interval | None = None
    p_always_valid_adjusted: float | None = None
    mann_whitney_p: float | None = None
    """Of a mean whose units stand alone."""
    method: str | None = None
    cuped_variance_cut: float | None = None
    """Share of the effect's variance that covariates took off; 0 when they were turned off, None without any."""
    mean_ci: Interval | None = None
    """Of `mean`, in a bandit's analysis."""


@dataclass(frozen=True)
class GuardrailResult:
    effect: float
    cs: Interval
    stops: bool


@dataclass(frozen=True)
class Report:
    mode: Mode
    control: str
    arms: list[str]
    alpha: float
    correction: Correction
    cs_method: str
    """Which confidence sequence, and how it is tuned."""
    srm_p: float
    srm: SampleRatio
    metrics: dict[str, dict[str, ArmResult]]
    guardrails: dict[str, dict[str, GuardrailResult]]
    verdict: str
    winner: str | None
    reasons: list[str]
    """Why the verdict is what it is."""
    notes: list[str] = field(default_factory=list)
    """What was left out, chosen or turned off on the way."""
