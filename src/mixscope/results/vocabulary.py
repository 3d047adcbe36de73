"""Vocabulary of published tables: headings, data sets, models, augmentations, check marks, in many languages.

Looks up the meaning of printed text, ignoring case, accents, hyphens and footnote marks. Unknown words have
no meaning, and nothing is inferred from them.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

SHOWN = {
    "top1": "top-1",
    "top5": "top-5",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "score": "score",
}
_FOOTNOTES = str.maketrans("", "", "¹²³⁴⁵⁶⁷⁸⁹⁰†‡§*`\ufe0f\u200b\xad$")


@dataclass(frozen=True, slots=True)
class DataSet:
    """Properties of a data set with a balanced test split."""

    name: str
    test_size: int
    n_classes: int


KNOWN_DATA = {
    "cifar10": DataSet("CIFAR-10", 10_000, 10),
    "cifar100": DataSet("CIFAR-100", 10_000, 100),
    "tiny-imagenet": DataSet("Tiny-ImageNet", 10_000, 200),
    "imagenet": DataSet("ImageNet", 50_000, 1000),
}


_CLASSES = {"mnist": 10, "svhn": 10, "digits": 10}
TEST_SIZE = 10_000  # for unknown data sets


def test_size(facets: Mapping[str, str]) -> int:
    """Number of test examples of the data set in these facets."""
    known = KNOWN_DATA.get(facets.get("dataset", ""))
    return known.test_size if known else TEST_SIZE


def n_classes(dataset: str) -> int | None:
    """Number of classes of a data set by canonical name; None if unknown."""
    known = KNOWN_DATA.get(dataset)
    return known.n_classes if known else _CLASSES.get(dataset)


@lru_cache(10_000)
def plain(text: str) -> str:
    """Text normalised for comparison: no case, accents, emphasis or footnote marks.

    Separators are single spaces.

    >>> plain("Top-1 Acc. (%) ↑")
    'top 1 acc'
    """
    text = text.translate(_FOOTNOTES)
    text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    text = unicodedata.normalize("NFC", text).casefold()
    return re.sub(r"[\s_\-‐‑–—./:()\[\]{}%％↑↓,;'\"|]+", " ", text).strip()


def _compact(*words: str) -> frozenset[str]:
    return frozenset(plain(w).replace(" ", "") for w in words)


# --- headings ---

_DESCRIPTIVE = {
    "seed": _compact(
        *("seed", "seeds", "random seed", "rng seed", "random state", "random states", "seed id", "trial"),
        *("manual seed", "run seed", "training seed", "rep", "repeat", "replicate", "시드", "랜덤 시드"),
        *("난수 시드", "种子", "随机种子", "隨機種子", "シード", "乱数シード", "startwert", "zufallszahl"),
        *("graine", "semilla"),
    ),
    "experiment": _compact(
        *("experiment", "experiments", "exp", "exp.", "experiment id", "id", "run", "no", "no.", "#", "nr"),
        *("row", "code", "experiment name", "run name", "실험군", "실험 코드", "코드", "구분"),
        *("실험", "실험명", "실험 번호", "번호", "versuch", "nummer", "实验", "實驗", "实验编号", "编号"),
        *("実験", "実験番号", "番号", "essai", "expérience", "experimento", "experimento no"),
    ),
    "dataset": _compact(
        *("dataset", "data set", "datasets", "data", "benchmark", "데이터셋", "데이터 세트", "데이터"),
        *("datensatz", "daten", "数据集", "數據集", "数据", "資料集", "データセット", "データ"),
        *("jeu de données", "données", "conjunto de datos", "datos"),
    ),
    "model": _compact(
        *("model", "models", "architecture", "arch", "network", "net", "backbone", "모델", "모형", "구조"),
        *(
            "아키텍처",
            "네트워크",
            "백본",
            "modell",
            "architektur",
            "netz",
            "netzwerk",
            "模型",
            "架构",
            "网络",
        ),
        *("網路", "骨干", "骨干网络", "主干", "モデル", "アーキテクチャ", "ネットワーク", "構造"),
        *("modèle", "réseau", "modelo", "arquitectura"),
    ),
    "augmentation": _compact(
        *("augmentation", "aug", "aug.", "data augmentation", "mixing", "mix", "증강", "데이터 증강"),
        *("증강 기법", "증강 방법", "augmentierung", "datenaugmentation", "datenaugmentierung", "数据增强"),
        *("數據增強", "增强", "增强方法", "增广", "数据增广", "データ拡張", "拡張", "拡張手法"),
        *("augmentation de données", "aumento de datos", "aumento"),
    ),
    "pretrained": _compact(
        *(
            "pretrained",
            "pre-trained",
            "pretraining",
            "pre-training",
            "pretrain",
            "pt",
            "init",
            "initialization",
        ),
        *("initialisation", "weights", "사전학습", "사전 학습 여부", "사전훈련", "사전 훈련 여부", "초기화"),
        *("vortrainiert", "vortraining", "预训练", "是否预训练", "預訓練", "初始化", "事前学習", "事前訓練"),
        *("事前学習済み", "préentraîné", "pré-entraînement", "preentrenado", "preentrenamiento"),
    ),
    "epochs": _compact(
        "epoch", "epochs", "에폭", "에포크", "epochen", "轮数", "训练轮数", "エポック", "エポック数"
    ),
    "by-content": _compact(
        *("method", "methods", "setting", "name", "기법", "방법", "설정", "이름", "methode", "verfahren"),
        *("einstellung", "方法", "設定", "设置", "手法", "名称", "méthode", "método"),
    ),
}
_OTHER = re.compile(  # headings that contain a metric's word but mean something else
    r"train(?!ed)|훈련|학습|训练|訓練|学習|\bval(id|idation)?\b|검증|验证|検証|micro|\bmap\b"
    r"|average precision"
    r"|delta|δ|\bgains?\b|improve|differen|\bdiff\b|\bvs\b|차이|향상|gewinn|提升|改善|向上|差|\bstd\b|\bsd\b|편차"
    r"|random state|\bseeds?\b|시드|种子|シード|entropy|\bce\b|\bxent|objective|perplex|\bloc\b|locali[sz]"
    r"|detect|segment|\bbleu|\biou\b|param|flops|time|hours|memory|speed|throughput|resolution|epoch|\blr\b|loss|손실|verlust|损失|損失|\bece\b|\bnll\b|calibr|auc|robust|attack"
)
_EPOCHS = re.compile(r"(?<![\d])(\d{1,4}) ?(?:epochs?\b|ep\b|에폭|에포크|epochen|轮|エポック)")
_PRETRAIN = re.compile(r"pre ?train|사전 ?(학습|훈련)|vortrain|预训练|預訓練|事前(学習|訓練)|pre ?entr")
_SCRATCH = re.compile(r"\bscratch\b|처음부터|无预训练|스크래치|von grund|スクラッチ|从头|random init")
LOWER_IS_BETTER = re.compile(
    r"\berr(or|ors|\b)|오류|에러|오차|손실|fehler|verlust|错误|誤|误差|損失|损失|\bloss\b|\bnll\b|\bece\b|perplex"
    r"|brier|\brank|lower is better|낮을수록|erreur"
)
_ACCURACY = r"\bacc\b|accuracy|정확도|genauigkeit|准确|準確|正解率|正確率|精度|exactitud"
_METRIC_WORDS = (
    ("top5", r"top ?5\b|@ ?5\b|상위 ?5|前 ?5|前五|上位 ?5"),
    ("f1", r"\bf ?1|f ?值|f ?値|f ?measure|f ?mass"),
    (
        "recall",
        r"recall|\brec\b|sensitivity|재현율|trefferquote|sensitivitat|召回|查全|再現率|rappel|exhaustividad",
    ),
    ("precision", r"precision|\bprec\b|정밀도|prazision|精确率|精确度|查准|精準率|適合率"),
    ("top1", rf"top ?1\b|@ ?1\b|{_ACCURACY}"),
)


_METRIC_PRINTED = re.compile(
    r"top[- _]?1|@ ?1\b|\b(test )?acc(uracy)?\b\.?|\bcls\b\.?|classification|\berr(or)?s?\b\.?( rate)?|정확도"
    r"|오류율?|genauigkeit|fehler(rate)?|准确率?|準確率?|正解率|正確率|精度|错误率?|exactitud",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Heading:
    """The meaning of a column's heading.

    Attributes:
        kind: A descriptive kind ("experiment", "dataset", "model", "augmentation", "pretrained", "epochs",
            "by-content"), "metric", or "other".
        metric: "top1", "top5", "precision", "recall", "f1", or "score" if only levels are named.
        error: Whether it is an error rate.
        levels: Levels of every cell below it, for instance (("augmentation", "mixup"),).
        guessed: Whether the kind is inferred from cells, not the heading.
        open: Whether neither accuracy nor error is named.
    """

    kind: str
    metric: str | None = None
    error: bool = False
    levels: tuple[tuple[str, str], ...] = ()
    guessed: bool = False
    open: bool = False


def heading(text: str) -> Heading:
    """The meaning of one heading.

    >>> heading("MixUp Top-1 (%)").levels
    (('augmentation', 'mixup'),)
    """
    words = plain(text)
    if not words and "#" not in text:
        return Heading("other")
    for kind, known in _DESCRIPTIVE.items():
        if words.replace(" ", "") in known:
            return Heading(kind)
    levels = levels_in(text)
    if _OTHER.search(_EPOCHS.sub("", _PRETRAIN.sub("", words))):
        return Heading("other")
    error = bool(re.search(r"\berr(or|ors)?\b|오류|에러|fehler|错误|誤り|誤差|误差|erreur", words))
    best = _best(text)
    for metric, pattern in _METRIC_WORDS:
        if re.search(pattern, words):
            falls = best == "lowest" and metric in ("top1", "top5") and not re.search(_ACCURACY, words)
            return Heading("metric", metric, error or falls, levels)
    if error:
        return Heading("metric", "top1", True, levels)
    if re.search(r"\bcls\b|classification", words):
        return Heading("metric", "top1", best == "lowest", levels, open=best is None)
    return Heading("metric", "score", False, levels, open=True) if levels else Heading("other")


def _best(text: str) -> str | None:
    """Whether a text marks the "highest" or the "lowest" values as the best, by an arrow or in words."""
    marks = {
        "lowest": re.search(r"[↓▼⬇]|lower is better|낮을수록", text, re.IGNORECASE),
        "highest": re.search(r"[↑▲⬆]|higher is better|높을수록", text, re.IGNORECASE),
    }
    found = [best for best, mark in marks.items() if mark]
    return found[0] if len(found) == 1 else None


def without_metric(text: str) -> str:
    """A heading without its metric and unit, as printed.

    >>> without_metric("ResNet-18 Top-1 (%)"), without_metric("Accuracy"), without_metric("CIFAR-10 Cls (%)")
    ('ResNet-18', '', 'CIFAR-10')
    """
    rest = _METRIC_PRINTED.sub(" ", text.replace("_", " "))
    return re.sub(r"\s+", " ", re.sub(r"\(\s*[%％]?\s*\)|[%％↑↓*_`]", " ", rest)).strip(" -,:/|.")


def metric_of(context: str) -> tuple[str, bool] | None:
    """(metric, error) named by the caption or section heading of a table of bare scores, or None."""
    words = plain(context)
    if LOWER_IS_BETTER.search(words) or _best(context) == "lowest":
        return ("top1", True) if re.search(r"top ?1|\berr|오류|fehler|错误", words) else None
    found = [m for m, pattern in _METRIC_WORDS if re.search(pattern, words)]
    return (found[0], False) if len(found) == 1 else None


def is_no_score(context: str) -> bool:
    """Whether a caption names something other than a score: losses, times, seeds."""
    return bool(_OTHER.search(_EPOCHS.sub("", _PRETRAIN.sub("", plain(context)))))


# --- levels ---

_DATA = (
    ("tiny-imagenet", r"tiny ?image ?net( ?200)?\b|타이니 ?이미지넷"),
    ("cifar100", r"ci?far ?100\b"),
    ("cifar10", r"cifar ?10\b"),
    ("imagenet", r"(?<!tiny )(?<!tiny)image ?net(?! ?(2[12] ?k|a\b|r\b|c\b|v2))( ?1 ?k| ?2012)?\b"),
    ("mnist", r"\bmnist\b"),
    ("svhn", r"\bsvhn\b"),
    ("digits", r"\bdigits\b"),
    (
        "other",
        r"\b(stl ?10|food ?101|cub ?200( 2011)?|flowers ?102|fashion ?mnist|places ?365|stanford cars)\b",
    ),
)
_MODEL = (
    r"\brn ?\d+\b|\b((wide|pre ?act) ?)?res ?net ?[a-d]?[\- ]?\d+|\bresnext ?\d+|\bwrn ?\d+|\bwide ?resnet"
    r"|\bresnet\b"
    r"|레즈넷|\bpyramid ?net ?\d*|\bdense ?net ?\d*|\bvgg ?\d*|\befficient ?net|\bmobile ?net|\bconvnext"
    r"|\bshuffle ?net|\bregnet|\binception|\b(vit|deit|swin|beit|cct|cvt|pvt|cait|mixer)\b|\b(vit|deit)(?=\d)"
    r"|\bse ?resnet|\bresnest"
)
_DEFAULT = _compact(
    *(
        "default",
        "baseline",
        "base",
        "none",
        "no",
        "no aug",
        "no augmentation",
        "vanilla",
        "standard",
        "plain",
        "normal",
        "base+",
    ),
    *(
        "without",
        "w/o",
        "without mixing",
        "no mixing",
        "erm",
        "crop+flip",
        "기본",
        "없음",
        "미적용",
        "베이스라인",
    ),
    *(
        "ohne",
        "keine",
        "standardmäßig",
        "basis",
        "无",
        "無",
        "基线",
        "默认",
        "基準",
        "なし",
        "ベースライン",
        "標準",
    ),
    *("aucune", "sans", "ninguna", "base line"),
)
_NAMED = {
    "mixup": _compact("mixup", "mix-up", "input mixup", "믹스업", "ミックスアップ"),
    "cutmix": _compact("cutmix", "cut-mix", "컷믹스", "カットミックス"),
    "cutout": _compact("cutout"),
    "manifold mixup": _compact("manifold mixup"),
    "random erasing": _compact("random erasing"),
    **{name: _compact(name) for name in ("fmix", "puzzlemix", "saliencymix", "resizemix", "attentivemix")},
    **{
        name: _compact(name)
        for name in ("tokenmix", "transmix", "gridmix", "smoothmix", "alignmix", "randaugment")
    },
    **{name: _compact(name) for name in ("autoaugment", "trivialaugment", "augmix", "switch", "cowmix")},
}
_TOKENS = re.compile(
    r"manifold ?mix ?up|(?<![a-z])(mix ?up|cut ?mix|cutout|fmix|puzzle ?mix|saliency ?mix|resize ?mix"
    r"|token ?mix|trans ?mix|attentive ?mix)(?![a-z])|믹스업|컷믹스"
)
_BASELINE = re.compile(r"(?<![a-z])(baseline|default|vanilla)(?![a-z])|베이스라인|기본")
_YES = frozenset("✓ ✔ ☑ ✅ √ ○ ◯ ● o y yes true ja oui si 예 네 유 是 有 はい あり 済".split()) | {
    "heavy check mark",
    "white check mark",
}
_NO = frozenset("✗ ✘ ✕ ✖ × ☒ ❌ x n no false nein non 아니오 아니요 무 否 无 無 いいえ なし".split())
_MARKS_KEPT = "✓✔☑✅√○◯●✗✘✕✖×☒❌"
_EXPERIMENT = re.compile(r"^(?P<prefix>[^\W\d][^\d]*?)?[\s\-_#.]*(?P<number>\d{1,4})$")


def mark(text: str) -> bool | None:
    """The value of a check mark or a word for it; None for anything else."""
    bare = text.translate(_FOOTNOTES).strip()
    word = bare if bare and bare[0] in _MARKS_KEPT else plain(bare)
    return True if word in _YES else False if word in _NO else None


def dataset(text: str) -> str | None:
    """The canonical name of the data set with which a text begins.

    >>> dataset("CIFAR 100 (32 px)")
    'cifar100'
    """
    words = plain(text)
    for name, pattern in _DATA:
        found = re.match(pattern, words)
        if found:
            return name if name != "other" else found[0]
    return None


def augmentation(text: str) -> str | None:
    """The canonical augmentation if the whole text names one: "default", "mixup", "cutmix+mixup" ..."""
    if not text.strip():
        return None
    compact = plain(text).replace(" ", "")
    if compact in _DEFAULT:
        return "default"
    parts = [plain(p).replace(" ", "") for p in re.split(r"[+&,/]| and | und | 및 ", text)]
    names = [next((n for n, words in _NAMED.items() if p in words), None) for p in parts]
    if all(names):
        return "+".join(sorted(str(n) for n in names))
    return None


def model(text: str) -> str | None:
    """The canonical network with which a text begins, without a following augmentation.

    >>> model("ViT-S/16"), model("vit_small_patch16"), model("ResNet 50 + CutMix"), model("none")
    ('vit small 16', 'vit small 16', 'resnet50', None)
    """
    words = plain(text)
    if not re.match(_MODEL, words):
        return None
    words = _BASELINE.sub(" ", _TOKENS.sub(" ", words))
    words = re.sub(r"[+&]| \b(with|w)\b", " ", words)
    words = re.sub(r"\bpatch ?(\d+)", r"\1", words)
    sizes = {"ti": "tiny", "t": "tiny", "s": "small", "b": "base", "l": "large"}
    words = re.sub(r"\b(vit|deit|swin) ?(ti|t|s|b|l)\b", lambda m: f"{m[1]} {sizes[m[2]]}", words)
    words = re.sub(r"^rn ?(\d+)", r"resnet\1", words)
    words = re.sub(r"res ?net[ -]*(\d+)", r"resnet\1", words)
    return re.sub(r"\s+", " ", words).strip()


def family(name: str) -> str | None:
    """The family of a network.

    Args:
        name: Its name in timm or in a published table.

    Returns:
        "resnet50", "resnet" for other residual networks, "vit" for plain vision transformers, else None.

    >>> family("vit_small_patch16_224.augreg_in1k"), family("deit3 small"), family("swin tiny")
    ('vit', 'vit', None)
    >>> family("resnet50"), family("preact resnet18"), family("resnetv2_50")
    ('resnet50', 'resnet', 'resnet')
    """
    canonical = model(name) or name
    if re.match(r"(vit|deit3?)\b", canonical):
        return "vit"
    if re.match(r"resnet50\b", canonical):
        return "resnet50"
    return "resnet" if re.search(r"resnet|resnext|wrn", canonical) else None


def pretrained(text: str) -> bool | None:
    """The meaning of a cell under "pretrained"; None if it is unclear."""
    found = mark(text)
    if found is not None:
        return found
    words = plain(text)
    if (
        not words
        or words in ("none", "random", "없음", "ohne", "kein", "keine", "未")
        or _SCRATCH.search(words)
    ):
        return False
    if _PRETRAIN.search(words) or re.match(r"image ?net|in ?(1|21|22) ?k|jft|laion|clip|mae|dino", words):
        return True
    return None


def numbering(text: str) -> tuple[str, int] | None:
    """The prefix and number of an experiment's name, or None.

    >>> numbering("Exp-12"), numbering("Control 3"), numbering("ResNet50")
    (('exp', 12), ('control', 3), None)
    """
    if model(text) or dataset(text):
        return None
    found = _EXPERIMENT.match(text.strip().strip("*_`"))
    return (plain(found["prefix"] or ""), int(found["number"])) if found else None


def levels_in(text: str) -> tuple[tuple[str, str], ...]:
    """Every level that is named exactly once in a text, as (facet, canonical)."""
    words = plain(text)
    found: dict[str, str] = {}
    rest = words
    data = []
    for name, pattern in _DATA:
        hit = re.search(pattern, rest)
        if hit and not (name == "imagenet" and _PRETRAIN.search(words)):
            data.append(name if name != "other" else hit[0])
            rest = re.sub(pattern, " ", rest)
    if len(data) == 1:
        found["dataset"] = data[0]
    mixes = {next(n for n, w in _NAMED.items() if m[0].replace(" ", "") in w) for m in _TOKENS.finditer(rest)}
    if not mixes and (_BASELINE.search(rest) or rest.replace(" ", "") in _DEFAULT):
        mixes = {"default"}
    if mixes:
        found["augmentation"] = "+".join(sorted(mixes))
    named = rf"(?:{_MODEL})(?: ?(?:ti|tiny|s|small|b|base|l|large)\b)?(?: ?\d+\b)?"
    models = {m[0] for m in re.finditer(named, _EPOCHS.sub(" ", rest))}
    if len(models) == 1:
        found["model"] = model(next(iter(models))) or next(iter(models))
    scratch, pre = bool(_SCRATCH.search(words)), bool(_PRETRAIN.search(words))
    if scratch != pre:
        found["pretrained"] = "yes" if pre else "no"
    epochs = set(_EPOCHS.findall(words))
    if len(epochs) == 1:
        found["epochs"] = epochs.pop()
    return tuple(found.items())


@lru_cache(10_000)
def kinds(text: str) -> frozenset[str]:
    """The descriptive kinds that a cell may have, and "number"; empty if unknown.

    >>> sorted(kinds("✗")), sorted(kinds("MixUp")), sorted(kinds("-")), sorted(kinds("54.6 %"))
    (['mark'], ['augmentation'], [], ['number'])
    """
    found: set[str] = set()
    if len(text) > 60:  # a sentence
        return frozenset()
    if mark(text) is not None:
        found.add("mark")
    if augmentation(text):
        found.add("augmentation")
    if dataset(text):
        found.add("dataset")
    if model(text):
        found.add("model")
    if re.fullmatch(r"[~≈]?[+\-−]?\d[\d.,]*\s*[%％]*", text.strip().strip("*_`$ ")):
        found.add("number")
    elif numbering(text):
        found.add("experiment")
    if _SCRATCH.search(plain(text)) or _PRETRAIN.search(plain(text)):
        found.add("mark")
    return frozenset(found)
