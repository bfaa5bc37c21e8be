"""What scikit-learn computes for the analyses, in a child process: it may take minutes, and can be stopped. Torch-free."""

from typing import Any, Self, TypeVar

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from engine.child import Child
from engine.errors import InputError, MeshError
from engine.protocol import Progress, Stage
from engine.stages import retold

MEMORY, SECONDS = 6 * 2**30, 3600.0  # of one request
COMPONENTS = 50  # principal components that t-SNE and the classifiers see, as the original analysis does
FOLDS = 5  # groups of training rows, each judged by what was learned from the others
FEWEST = 10  # rows that a principal component analysis says something about

S = TypeVar("S", bound=msgspec.Struct)


class Array(msgspec.Struct, frozen=True):
    """An array on its way to the child and back."""

    kind: str
    shape: tuple[int, ...]
    data: bytes

    @classmethod
    def of(cls, array: NDArray[Any]) -> Self:
        """Pack."""
        array = np.ascontiguousarray(array)
        return cls(array.dtype.str, array.shape, array.tobytes())

    def array(self) -> NDArray[Any]:
        """Unpack."""
        return np.frombuffer(self.data, np.dtype(self.kind)).reshape(self.shape)


class Embed(msgspec.Struct, frozen=True, tag=True):
    """Rows (N, D), standardised, onto a plane, by PCA and t-SNE -> Embedded."""

    rows: Array
    perplexity: float
    seed: int


class Embedded(msgspec.Struct, frozen=True):
    """Two maps.

    pca : (N, 2) scores on the first two components; variance : share of the variance along each of the first components
    tsne : (N, 2); perplexity : what t-SNE was run with; divergence : the Kullback-Leibler divergence that it ended with
    """

    pca: Array
    variance: tuple[float, ...]
    tsne: Array
    perplexity: float
    divergence: float


class Classify(msgspec.Struct, frozen=True, tag=True):
    """Labels (N,) of rows (N, D) predicted from their numbers, each by classifiers that saw no row of its fold -> Classified.

    folds : (N,); rows of fold -1 are predicted by those that learn from all other rows, and never learned from.
    centred : subtract from each row the mean of the learned rows of its own label
    """

    rows: Array
    labels: Array
    folds: Array
    centred: bool
    seed: int


class Classified(msgspec.Struct, frozen=True):
    """Predicted labels (N,) by name of the classifier."""

    predicted: dict[str, Array]


class Compare(msgspec.Struct, frozen=True, tag=True):
    """How far each of rows (N, D) lies from the training rows, ``training`` (N,) bool -> Compared."""

    rows: Array
    training: Array
    neighbours: int
    seed: int


class Compared(msgspec.Struct, frozen=True):
    """``neighbours`` (N,): mean distance to the nearest training rows; ``robust`` (N,): Mahalanobis distance by the minimum
    covariance determinant, in the space of the first ``components`` principal components."""

    neighbours: Array
    robust: Array
    components: int


def asked(child: Child, request: Embed | Classify | Compare, answer: type[S], message: str) -> Stage[S]:
    """The child's answer; meanwhile yields Progress, which says how long it has been at it.

    InputError when it takes more time or memory than it may.
    """
    begun = Progress(stage="analyse", done=0, total=1)
    stage = child.ask(msgspec.msgpack.encode(request))
    try:
        found = yield from retold(stage, lambda seconds: replace(begun, message=f"{message}, {seconds:.0f} s"))
    except MeshError as error:  # the child's words are those of a reader of meshes
        raise InputError(
            f"{message} was given up ({error.args[0].partition(';')[0]}); try again, or analyse fewer shapes"
        ) from error
    return msgspec.msgpack.decode(found, type=answer)


def learner() -> Child:
    """The process that `asked` talks to; close it after use."""
    return Child("engine.analysis.learned:work", MEMORY, SECONDS, task="the computation")


def work(request: bytes) -> bytes:
    """Main function of the child: one request, one answer."""
    ask: Embed | Classify | Compare = msgspec.msgpack.decode(request, type=Embed | Classify | Compare)
    answer = embed(ask) if isinstance(ask, Embed) else classify(ask) if isinstance(ask, Classify) else compare(ask)
    return msgspec.msgpack.encode(answer)


def embed(ask: Embed) -> Embedded:
    """PCA, and t-SNE (van der Maaten and Hinton 2008) of its first components.

    t-SNE starts from the first two components, so that the map's rough order is theirs. Its perplexity is at most a third
    of the rows. InputError with too few rows.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    rows = ask.rows.array()
    if len(rows) < FEWEST:
        raise InputError(f"{len(rows)} points are too few for a map; at least {FEWEST} are needed")
    pca = PCA(min(COMPONENTS, *rows.shape), random_state=ask.seed).fit(rows)
    scores = pca.transform(rows)
    perplexity = min(ask.perplexity, (len(rows) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, init="pca", random_state=ask.seed)
    flat = tsne.fit_transform(scores)
    variance = tuple(float(share) for share in pca.explained_variance_ratio_)
    plane = np.zeros((len(rows), 2))
    plane[:, : scores.shape[1]] = scores[:, :2]
    return Embedded(Array.of(plane), variance, Array.of(flat), perplexity, float(tsne.kl_divergence_))


def classify(ask: Classify) -> Classified:
    """Logistic regression and five nearest neighbours, on standardised numbers' first principal components.

    All of it, and the means that are taken off, is learned from rows of the other folds alone.
    """
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows, labels, folds = ask.rows.array(), ask.labels.array(), ask.folds.array()
    found = {name: np.full(len(rows), -1, np.int64) for name in ("logistic regression", "5 nearest neighbours")}
    for fold in np.unique(folds):
        seen, tested = (folds != fold) & (folds >= 0), folds == fold
        learned, answers = rows[seen], rows[tested]
        if ask.centred:
            means = np.stack([learned[labels[seen] == k].mean(0) for k in range(labels.max() + 1)])  # (K, D)
            learned, answers = learned - means[labels[seen]], answers - means[labels[tested]]
        size = min(COMPONENTS, len(learned) - 1, rows.shape[1])
        scores = make_pipeline(StandardScaler(), PCA(size, random_state=ask.seed)).fit(learned)
        learned, answers = scores.transform(learned), scores.transform(answers)
        ends = LogisticRegression(max_iter=5000), KNeighborsClassifier(min(5, len(learned)))
        for name, end in zip(found, ends, strict=True):
            found[name][tested] = end.fit(learned, labels[seen]).predict(answers)
    return Classified({name: Array.of(labels) for name, labels in found.items()})


def compare(ask: Compare) -> Compared:
    """Mean distance to the nearest training rows (a row is not its own neighbour), and a robust Mahalanobis distance.

    Minimum covariance determinant: Rousseeuw and Van Driessen 1999. It needs several rows for each number, so it sees the
    first components only; the distances to neighbours see all numbers. Latents have more numbers than there are rows, so
    components put rows that they were not learned from nearer to the middle: each training row is judged by components
    and determinant of the other four fifths, and all other rows by the mean of the five. InputError with too few
    training rows.
    """
    from sklearn.covariance import MinCovDet
    from sklearn.decomposition import PCA
    from sklearn.neighbors import NearestNeighbors

    rows, training = ask.rows.array(), ask.training.array()
    if training.sum() < FEWEST:
        raise InputError(f"{training.sum()} training shapes are too few for this; at least {FEWEST} are needed")
    near = NearestNeighbors(n_neighbors=ask.neighbours, algorithm="brute").fit(rows[training])
    distance = np.zeros(len(rows))
    distance[training] = near.kneighbors()[0].mean(1)  # without an argument: of the rows themselves, each left out
    if not training.all():
        distance[~training] = near.kneighbors(rows[~training])[0].mean(1)
    size = max(1, min(10, int(training.sum()) // 10, rows.shape[1]))
    fold = np.full(len(rows), -1)
    fold[training] = np.random.default_rng(ask.seed).permutation(training.sum()) % FOLDS
    robust = np.zeros(len(rows))
    for one in range(FOLDS):
        learned = training & (fold != one)
        scores = PCA(size, random_state=ask.seed).fit(rows[learned]).transform(rows)
        far = np.sqrt(MinCovDet(random_state=ask.seed).fit(scores[learned]).mahalanobis(scores))
        robust += np.where(fold == one, far, np.where(training, 0, far / FOLDS))
    return Compared(Array.of(distance), Array.of(robust), size)
