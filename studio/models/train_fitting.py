"""Step 2 of the way to a model: which shapes are fitted, how, and what stands in the way."""

from collections import Counter

from PySide6.QtCore import Signal

from engine.jobs import FitJob
from engine.methods import MethodSettings, preset
from engine.rows import ItemRow, ShapeRow
from studio.models.bring import FOR_CLOUDS, Bring
from studio.models.form import Form
from studio.models.mix import Mix
from studio.models.opened import OpenProject, ProjectModel
from studio.models.train_gate import Gate
from studio.models.train_methods import CLOUDS, METHODS, OF_TRAINING, PRESETS, WITHOUT_PARTS
from studio.models.train_runs import Cost, Fitted, Runs
from studio.models.train_with_model import METHOD, NO_MODEL, WithModel

MANY = 24  # from here on a model can come to more than copies


class Fitting(ProjectModel):
    """What would be fitted, and the fit that is trained on.

    by_model : whether they become shapes of a model that is there (``with_model``), and not of one of their own
    changed() : anything; formed(which) : the form "fit" or "train" is another one
    """

    changed = Signal()
    formed = Signal(str)

    def __init__(self, opened: OpenProject) -> None:
        super().__init__(opened)
        self.bring = opened.model(Bring)
        self.gate = opened.model(Gate)
        self.with_model = opened.model(WithModel)
        self.runs = Runs()
        self.method, self.preset, self.category = "basis", "tiny", ""
        self.by_model = False
        self.fit_form = self._make_fit_form()
        self._chosen_fit = ""
        self.bring.changed.connect(self.changed)
        self.gate.changed.connect(self.changed)
        self.with_model.changed.connect(self.changed)

    def choose_method(self, method: str) -> None:
        """Take a method, with its quickest preset; "" = with a model that is there."""
        self.by_model = not method
        if self.by_model:
            self.changed.emit()
            return
        self.method, self.preset = method, next(iter(PRESETS[method]))
        self._new_fit_form()

    def choose_preset(self, name: str) -> None:
        """Take other settings to start from."""
        self.preset = name
        self._new_fit_form()

    def choose_category(self, category: str) -> None:
        """Fit the shapes of one category; "" = all."""
        self.category = category
        self.changed.emit()

    @property
    def taken(self) -> list[ItemRow]:
        """Shapes that the method can fit, of any category."""
        settings = preset(METHOD, "tiny") if self.by_model else preset(self.method, self.preset)
        return self.bring.usable_with(getattr(settings, "without_inside", ()))

    @property
    def categories(self) -> dict[str, int]:
        """Category -> how many the method can fit, "" for those that have none."""
        return dict(sorted(Counter(item.category for item in self.taken).items()))

    @property
    def chosen(self) -> list[ItemRow]:
        """Shapes that a fit would take."""
        return [item for item in self.taken if self.category in ("", item.category)]

    @property
    def to_fit(self) -> int:
        """How many shapes a fit would take."""
        return len(self.chosen)

    @property
    def fit(self) -> Fitted | None:
        """The fit that is trained on: the chosen one, else the newest that is finished."""
        finished = [one for one in self.runs.fits if one.state == "finished"]
        chosen = (one for one in finished if one.run == self._chosen_fit)
        return next(chosen, finished[0] if finished else None)

    def is_left_out(self, shape: ShapeRow) -> bool:
        """Whether a person wants a shape of a fit not to be learned."""
        return shape.item in self.gate.out(shape.run)

    def leave_out(self, shape: ShapeRow, out: bool) -> None:
        """Do not learn a shape of a fit, or do so again; it can be undone."""
        self.gate.leave_out(shape.run, {shape.item}, out)

    @property
    def fit_obstacle(self) -> str:
        """Why nothing can be fitted now; "" when it can."""
        if not self.to_fit:
            if not self.taken and self.bring.usable_with(FOR_CLOUDS):
                return f"These shapes have no inside: choose the method “{METHODS[CLOUDS][0]}”, which needs none."
            return "Bring shapes in first." if not self.taken else f"There is no usable {self.category}."
        if self.bring.busy:
            return "Shapes are still coming in."
        if self.by_model:
            return "" if self.with_model.sources else NO_MODEL
        if self.method == "semantic" and len(self.bring.nameless) == len(self.bring.usable):
            return "This method needs named parts: find parts in step 1, or take another method."
        if self.fit_form.settings is None:
            return "A setting under More needs another value."
        return ""

    @property
    def fit_advice(self) -> str:
        """What is allowed but seldom wanted; "" = nothing."""
        left = [item for item in self.bring.nameless if self.category in ("", item.category)]
        if self.by_model:
            return self.with_model.advice(self.chosen, len(left))
        if left and len(left) < self.to_fit and self.method not in WITHOUT_PARTS:
            return f"{len(left):,} without named parts are left out."
        if 0 < self.to_fit < MANY:
            return f"{self.to_fit} are few: a model of so few mostly copies them."
        return ""

    def fit_job(self) -> FitJob | None:
        """What would be put into the queue."""
        if self.fit_obstacle:
            return None
        if self.by_model:
            source = self.with_model.source(self.chosen)
            return self.with_model.job(source.name, (), self.category, self.with_model.fine_tune) if source else None
        settings = self.fit_form.settings
        return None if settings is None else FitJob(settings=settings, category=self.category)

    def fit_cost(self) -> Cost:
        """What that takes, by earlier fits; nothing is known of fits with a model."""
        settings = None if self.by_model else self.fit_form.settings
        parts = len({part for item in self.chosen for part in item.parts})
        return Cost() if settings is None else self.runs.speeds.fit(settings, self.to_fit, parts)

    def mix_fitted(self) -> None:
        """Begin a mix with the first good shape of the fit."""
        if self.fit and self.fit.accepted:
            self._opened.model(Mix).begin(self.fit.accepted[0].id)
            self._opened.current.go_to("Mix")

    # inside ----------------------------------------------------------------------------------------------------------
    def _new_fit_form(self) -> None:
        self.fit_form = self._make_fit_form()
        self.formed.emit("fit")
        self.changed.emit()

    def _make_fit_form(self) -> Form:
        settings: MethodSettings = preset(self.method, self.preset)
        return self._watched(Form(settings, leave_out=OF_TRAINING))

    def _watched(self, form: Form) -> Form:
        form.settings_changed.connect(self.changed)
        return form
