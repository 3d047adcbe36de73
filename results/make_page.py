"""Writes docs/results.md, docs/mixing-zoo.md, their charts, and the headline of both READMEs.

    python results/make_page.py            # writes
    python results/make_page.py --check    # exits 1 where a page differs from the bundles

Every number on the pages is computed here from the bundles; the sentences around them are in `page.en.md`,
`page.ko.md` and `zoo.en.md`, where `{name}` stands for what the function of that name returns.
"""

import argparse
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import combinations
from pathlib import Path

import mixscope
from mixscope import Results, i18n
from mixscope.claims.contrasts import holm
from mixscope.claims.judgement import Contrasted
from mixscope.claims.readings import Reading
from mixscope.claims.verdicts import Verdict
from mixscope.findings import Finding
from mixscope.report import drawing, plots
from mixscope.results import folders, tables
from mixscope.results.results import Run
from mixscope.study import matrix

HERE = Path(__file__).parent
STUDY, SHORT = "resnet-vs-vit-two-cores", "resnet-vs-vit-two-cores-short"
TUNING, PILOT, PRETRAINING = "two-cores-tuning", "two-cores-pilot", "two-cores-pretraining"
ZOO = "mixing-zoo"
LEVELS = {
    "cifar100": "CIFAR-100",
    "tiny-imagenet": "Tiny-ImageNet",
    "cifar100-64px": "CIFAR-100, 64 px",
    "tiny-imagenet-32px": "Tiny-ImageNet, 32 px",
    "resnet": "ResNet",
    "vit": "ViT",
    "default": "Default",
    "mixup": "MixUp",
    "cutmix": "CutMix",
    "cutmix-aligned": "CutMix, aligned",
    "resizemix": "ResizeMix",
    "fmix": "FMix",
    "fmix-soft": "FMix, soft",
    "gridmix": "GridMix",
    "smoothmix": "SmoothMix",
    "saliencymix": "SaliencyMix",
    "manifold": "Manifold Mixup",
}
WORDS = {
    "en": {
        "scratch": "scratch",
        "pretrained": "pretrained",
        "experiment": "experiment",
        "data": "data",
        "model": "model",
        "augmentation": "augmentation",
        "weights": "weights",
        "seeds": "seeds",
        "network": "network",
        "rate": "learning rate",
        "validation": "validation",
        "test": "test",
        "epochs": "epochs",
        "contrast": "contrast",
        "estimate": "estimate (points)",
        "interval": "95 % CI",
        "claim": "claim",
        "verdict": "verdict",
        "runs": "runs",
        "hours": "hours",
        "study": "study",
        "sum": "sum",
        "gain": "gain of {0} for {1}",
        "capped": "capped because",
        "never": "classes never predicted, of 200",
        "fit": "top-1 of Default on training images",
        "mixup": "gain of MixUp",
        "cutmix": "gain of CutMix",
        "rank": "rank",
        "p": "p (Holm)",
        "top-1": "top-1",
        "missing": "no finished run yet",
        "all done": "All {0} planned runs are done.",
        "not done": "{0} of {1} planned runs are done, all {4} experiments at {2}. Not done: {3}.",
        "seed": "seed {0}",
        "few seeds": "With fewer than two seeds an interval counts test examples only, with fewer than three"
        " there is no verdict: this is an interim state.",
        "reason pending": "{0} not begun, for want of computing time",
        "reason other": "{0} {1}",
        "none": "no seed yet",
    },
    "ko": {
        "scratch": "처음부터",
        "pretrained": "사전 학습",
        "experiment": "실험",
        "data": "데이터",
        "model": "모델",
        "augmentation": "증강",
        "weights": "가중치",
        "seeds": "시드",
        "network": "모델",
        "rate": "학습률",
        "validation": "검증",
        "test": "테스트",
        "epochs": "에폭",
        "contrast": "대비",
        "estimate": "추정값(포인트)",
        "interval": "95% 신뢰구간",
        "claim": "가설",
        "verdict": "판정",
        "runs": "실행",
        "hours": "시간",
        "study": "연구",
        "sum": "합계",
        "gain": "{1}의 {0} 향상폭",
        "capped": "판정이 제한된 이유",
        "never": "한 번도 예측하지 않은 클래스 수(200개 중)",
        "fit": "Default의 학습 이미지 top-1",
        "mixup": "MixUp의 향상폭",
        "cutmix": "CutMix의 향상폭",
        "missing": "끝난 실행 없음",
        "all done": "계획한 실행 {0}개가 모두 끝났다.",
        "not done": "계획한 실행 {1}개 중 {0}개가 끝났다. {4}개 실험이 모두 끝난 시드: {2}. 남은 실행: {3}.",
        "reason pending": "계산 시간이 모자라 시작하지 않은 실행 {0}개",
        "reason other": "{1} 상태인 실행 {0}개",
        "none": "없음",
        "seed": "시드 {0}",
        "few seeds": "시드가 둘보다 적으면 구간은 테스트 이미지의 변동만 반영하고,"
        " 셋보다 적으면 판정하지 않는다. 중간 결과다.",
    },
}


@cache
def bundle(name: str) -> Results:
    """The results of a study from its bundle beside this file; without one all of its runs are pending."""
    if not (HERE / name).exists():
        return folders.of_plan(matrix.load(name), HERE / name)
    return mixscope.load(HERE / name)


@cache
def verdicts(name: str) -> tuple[Verdict, ...]:
    """The verdicts of a study, as `mixscope judge` prints them."""
    return tuple(mixscope.judge(bundle(name)))


def readings(name: str, claim: str) -> tuple[Reading, ...]:
    """A claim of a study in each of its strata."""
    (found,) = [verdict for verdict in verdicts(name) if verdict.claim == claim]
    return tuple(found.readings)


def reading(name: str, claim: str, stratum: Mapping[str, str]) -> Reading:
    """A claim of a study in one stratum."""
    (found,) = [one for one in readings(name, claim) if dict(one.stratum) == dict(stratum)]
    return found


class Page:
    """The parts of a page in one language; each method is a part, named as in the text."""

    def __init__(self, lang: str) -> None:
        self.lang, self.words = lang, WORDS[lang]

    def level(self, name: str) -> str:
        """A level's name in the page's language."""
        return LEVELS.get(name) or self.words.get(name, name)

    def table(self, heads: list[str], rows: list[list[str]]) -> str:
        """A Markdown table; heads are keys of WORDS, or stand as they are."""
        titles = [self.words.get(head, head) for head in heads]
        lines = [titles, ["---"] * len(heads), *rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    # --- the parts ------------------------------------------------------------------------------------

    def state(self) -> str:
        """Which runs are done, and why others are not."""
        return self._state(bundle(STUDY))

    def _state(self, results: Results) -> str:
        left = [run.state for run in results.runs if not run.done]
        if not left:
            return self.words["all done"].format(len(results.runs))
        reasons = [
            self.words["reason pending" if state == "pending" else "reason other"].format(
                left.count(state), state
            )
            for state in sorted(set(left))
        ]
        whole = ", ".join(self.words["seed"].format(seed) for seed in complete(results))
        whole = whole or self.words["none"]
        counts = len(results.done), len(results.runs), whole, "; ".join(reasons), len(results.experiments)
        told = self.words["not done"].format(*counts)
        return told if len(complete(results)) > 2 else f"{told} {self.words['few seeds']}"

    def overall(self) -> str:
        """The 24 experiments, a row each."""
        rows = []
        for row in tables.rows(bundle(STUDY)):
            told = [
                row["experiment"],
                *(self.level(row[key]) for key in ("dataset", "model", "augmentation")),
            ]
            told.append(self.level(row["pretrained"]))
            told += [_spread(row[m], row[f"{m}_sd"]) for m in ("top1", "top5", "precision", "recall", "f1")]
            rows.append([*told, str(row["seeds"])])
        heads = ["experiment", "data", "model", "augmentation", "weights"]
        return self.table([*heads, "top-1", "top-5", "precision", "recall", "F1", "seeds"], rows)

    def gains(self) -> str:
        """The gain of each augmentation over the default one."""
        rows = []
        for augmentation in ("mixup", "cutmix"):
            for one in readings(STUDY, f"gain-{augmentation}"):
                rows.append([LEVELS[augmentation], *self._where(one.stratum), *self._estimate(one)])
        rows.sort(key=lambda row: row[1:4])
        heads = ["augmentation", "data", "model", "weights", "estimate", "interval", "seeds"]
        return self.table(heads, rows)

    def fit(self) -> str:
        """How far Default fits its training images, beside what mixing adds; best fit first."""
        results, rows = bundle(STUDY), []
        for experiment in results.experiments:
            if experiment.levels["augmentation"] != "default":
                continue
            fits = [float(run.epochs[-1]["clean_train_top1"]) for run in finished(results, experiment.name)]
            where = {factor: experiment.levels[factor] for factor in ("data", "model", "pretrained")}
            gains = [self._estimate(reading(STUDY, f"gain-{name}", where))[0] for name in ("mixup", "cutmix")]
            fit = sum(fits) / len(fits) if fits else 0.0
            rows.append((fit, [*self._where(where), f"{fit:.1f}", *gains]))
        rows.sort(reverse=True)
        heads = ["data", "model", "weights", "fit", "mixup", "cutmix"]
        return self.table(heads, [row for _, row in rows])

    def pretraining(self) -> str:
        """What pretrained weights add, by augmentation."""
        rows = [
            [*(self.level(one.stratum[f]) for f in ("data", "model", "augmentation")), *self._estimate(one)]
            for one in readings(STUDY, "pretraining")
        ]
        return self.table(["data", "model", "augmentation", "estimate", "interval", "seeds"], rows)

    def budget(self) -> str:
        """Gains from scratch on CIFAR-100 after few epochs and after many."""
        rows = []
        for name, where in ((SHORT, None), (STUDY, {"data": "cifar100", "pretrained": "scratch"})):
            results = bundle(name)
            epochs = str(max(e.config.train.epochs for e in results.experiments if e.config))
            for augmentation in ("mixup", "cutmix"):
                for one in readings(name, f"gain-{augmentation}"):
                    if where is not None and not where.items() <= one.stratum.items():
                        continue
                    who = self.words["gain"].format(LEVELS[augmentation], self.level(one.stratum["model"]))
                    rows.append([who, epochs, *self._estimate(one)])
        rows.sort(key=lambda row: row[0])
        return self.table(["contrast", "epochs", "estimate", "interval", "seeds"], rows)

    def cutmix_resnet(self) -> str:
        """What CutMix adds to the ResNet on CIFAR-100 from scratch."""
        return self._cutmix("resnet")

    def cutmix_vit(self) -> str:
        """What CutMix adds to the ViT on CIFAR-100 from scratch."""
        return self._cutmix("vit")

    def _cutmix(self, model: str) -> str:
        where = {"data": "cifar100", "pretrained": "scratch", "model": model}
        estimate, ends, _ = self._estimate(reading(STUDY, "gain-cutmix", where))
        return f"{estimate} [{ends}]" if ends else estimate

    def _verdict(self, one: Verdict | Reading) -> str:
        """The verdict as `judge` prints it."""
        return one.verdict if self.lang == "en" else i18n.message(f"verdict-{one.verdict}", self.lang)

    def verdict_words(self) -> str:
        """The verdict of each claim, in a line."""
        primary = [verdict for verdict in verdicts(STUDY) if not verdict.secondary]
        return ", ".join(f"{verdict.claim} {self._verdict(verdict)}" for verdict in primary)

    def verdicts(self) -> str:
        """The verdict of each claim."""
        rows = []
        for verdict in verdicts(STUDY):
            if not verdict.secondary:
                # As the study file words it now: its digest covers what is claimed, not the wording.
                text = next(
                    (c.text for c in matrix.load(STUDY).claims if c.id == verdict.claim), verdict.text
                )
                shown = text.get(self.lang, text["en"])
                rows.append([verdict.claim, shown, self._verdict(verdict), self._why(verdict)])
        return self.table(["claim", "contrast", "verdict", ""], rows)

    def readings(self) -> str:
        """Each claim by stratum."""
        rows = []
        for verdict in verdicts(STUDY):
            if verdict.secondary:
                continue
            for reading in verdict.readings:
                where = ", ".join(self.level(level) for level in reading.stratum.values())
                why = "; ".join(
                    i18n.render(Finding(f"gate-{kind}"), self.lang)
                    for kind in dict.fromkeys(reading.gate_kinds)
                )
                rows.append([verdict.claim, where, *self._estimate(reading)[:2], self._verdict(reading), why])
        return self.table(["claim", "data", "estimate", "interval", "verdict", "capped"], rows)

    def never(self) -> str:
        """Number of Tiny-ImageNet classes that each experiment never predicts, range over seeds."""
        results, rows = bundle(STUDY), []
        for experiment in results.experiments:
            if experiment.levels["data"] != "tiny-imagenet":
                continue
            runs = finished(results, experiment.name)
            counts = [int(run.metrics["test"]["last"]["classes_never_predicted"]) for run in runs]
            levels = [self.level(experiment.levels[f]) for f in ("model", "augmentation", "pretrained")]
            ends = sorted({min(counts), max(counts)}) if counts else []
            rows.append([experiment.name, *levels, " … ".join(map(str, ends))])
        return self.table(["experiment", "model", "augmentation", "weights", "never"], rows)

    def tuning(self) -> str:
        """The trials of learning rates."""
        rows = []
        for run in bundle(TUNING).done:
            levels = bundle(TUNING).experiment(run.experiment).levels
            rate = f"{run.config.optim.lr:g}" if run.config else ""
            rows.append([self.level(levels["model"]), rate, _top1(run, "val"), _top1(run, "test")])
        return self.table(["network", "rate", "validation", "test"], rows)

    def pilot(self) -> str:
        """The trials of the training budget."""
        rows = []
        for run in bundle(PILOT).done:
            levels = bundle(PILOT).experiment(run.experiment).levels
            told = [self.level(levels["model"]), self.level(levels["augmentation"]), str(len(run.epochs))]
            rows.append([*told, _top1(run, "val"), _top1(run, "test")])
        return self.table(["network", "augmentation", "epochs", "validation", "test"], rows)

    def sources(self) -> str:
        """The networks that pretrained experiments begin from."""
        rows = []
        for run in bundle(PRETRAINING).done:
            levels = bundle(PRETRAINING).experiment(run.experiment).levels
            rows.append(
                [
                    self.level(levels["data"]),
                    self.level(levels["model"]),
                    str(len(run.epochs)),
                    _top1(run, "test"),
                ]
            )
        return self.table(["data", "network", "epochs", "test"], rows)

    def cost(self) -> str:
        """Wall time of the runs by study."""
        rows, total = [], 0.0
        for name in (TUNING, PRETRAINING, PILOT, STUDY, SHORT):
            done = bundle(name).done
            hours = sum(run.provenance.seconds or 0.0 for run in done if run.provenance) / 3600
            total += hours
            rows.append([f"`{name}`", str(len(done)), f"{hours:.1f}"])
        rows.append([self.words["sum"], str(sum(int(row[1]) for row in rows)), f"{total:.1f}"])
        return self.table(["study", "runs", "hours"], rows)

    # --- the comparison of mixing methods ---------------------------------------------------------------

    def zoo_state(self) -> str:
        """Which runs of the comparison are done."""
        return self._state(bundle(ZOO))

    def zoo(self) -> str:
        """Each network's methods by their gain, with intervals of the gain and of the rank."""
        results, rows = bundle(ZOO), []
        top1 = {(row["model"], row["augmentation"]): row for row in tables.rows(results)}
        for model in results.factors["model"]:
            gains = _contrasts(results, model, "default")
            p = holm({name: one.p for name, one in gains.items() if one.p is not None})
            ranks = rank_intervals(results, model)
            for name in sorted(ranks, key=lambda name: -(top1[model, name]["top1"] or 0.0)):
                row = top1[model, name]
                told = [self.level(model), self.level(name), _spread(row["top1"], row["top1_sd"])]
                gain = self._estimate(gains[name])[:2] if name in gains else ["", ""]
                low, high = ranks[name]
                rank = f"{low}" if low == high else f"{low} … {high}"
                rows.append([*told, *gain, f"{p[name]:.3f}" if name in p else "", rank, str(row["seeds"])])
        heads = ["model", "augmentation", "top-1", "estimate", "interval", "p", "rank", "seeds"]
        return self.table(heads, rows)

    def zoo_chart(self) -> plots.Figure:
        """A forest plot of the gains, best first, for each network."""
        results, bars = bundle(ZOO), []
        for model in results.factors["model"]:
            gains = _contrasts(results, model, "default")
            known = {name: one for name, one in gains.items() if one.interval is not None}
            for name in sorted(known, key=lambda name: -(known[name].interval.estimate)):
                interval = known[name].interval
                bars.append(
                    plots.Bar(
                        name=self.level(name),
                        estimate=interval.estimate,
                        low=interval.low,
                        high=interval.high,
                        value=self._estimate(known[name])[0],
                        margin=1.0,
                        group="" if bars and bars[-1].hint == model else self.level(model),
                        hint=model,
                    )
                )
        return plots.forest(
            "mixing-zoo",
            bars,
            title="Gain of each mixing method over Default, with 95 % intervals",
            text="Estimates and intervals of the table, the margin of one percentage point as a strip.",
            unit="percentage points of top-1",
            below="worse",
            above="better",
        )

    def zoo_cost(self) -> str:
        """Wall time of the comparison, in hours."""
        seconds = [run.provenance.seconds or 0.0 for run in bundle(ZOO).done if run.provenance]
        return f"{len(seconds)} runs, {sum(seconds) / 3600:.1f} hours"

    def headline(self) -> str:
        """The paragraph of the README."""
        return text(HERE / f"headline.{self.lang}.md", self)

    # --- how they say it ------------------------------------------------------------------------------

    def _where(self, stratum: Mapping[str, str]) -> list[str]:
        return [self.level(stratum[factor]) for factor in ("data", "model", "pretrained")]

    def _estimate(self, one: Reading | Contrasted) -> list[str]:
        """Estimate, interval and number of seeds."""
        interval = one.points if isinstance(one, Reading) else one.interval
        if interval is None:
            return [self.words["missing"], "", "0"]
        seeds = one.seeds if isinstance(one, Reading) else one.seeds[0]
        return [f"{interval.estimate:+.2f}", f"{interval.low:+.2f} … {interval.high:+.2f}", str(seeds)]

    def _why(self, verdict: Verdict) -> str:
        return i18n.render(verdict.why, self.lang)


def _contrasts(results: Results, model: str, baseline: str) -> dict[str, Contrasted]:
    """Each augmentation minus `baseline`, for one network."""
    found = {}
    for name in results.factors["augmentation"]:
        if name != baseline:
            weights = {"augmentation": {name: 1, baseline: -1}}
            (found[name],) = mixscope.contrast(results, weights, where={"model": model})
    return found


def rank_intervals(results: Results, model: str) -> dict[str, tuple[int, int]]:
    """The ranks that each augmentation may have, best first, with simultaneous confidence of 95 %.

    All pairs are compared, Holm-corrected. An augmentation ranks behind those shown to be better and
    before those shown to be worse; without finished runs any rank is possible. (Al Mohamad et al.
    2017, arXiv 1708.02729, take Tukey's test of the pairs.)
    """
    names = list(results.factors["augmentation"])
    pairs = {}
    for a, b in combinations(names, 2):
        (pairs[f"{a} {b}"],) = mixscope.contrast(
            results, {"augmentation": {a: 1, b: -1}}, where={"model": model}
        )
    p = holm({pair: one.p for pair, one in pairs.items() if one.p is not None})
    better, worse = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    for pair, level in p.items():
        estimate = pairs[pair].estimate
        if level <= 0.05 and estimate:
            winner, loser = pair.split() if estimate > 0 else reversed(pair.split())
            better[loser] += 1
            worse[winner] += 1
    return {name: (1 + better[name], len(names) - worse[name]) for name in names}


def finished(results: Results, experiment: str) -> list[Run]:
    """The finished runs of an experiment."""
    return [run for run in results.done if run.experiment == experiment]


def complete(results: Results) -> list[int]:
    """The seeds of which every experiment has a finished run."""
    found = {(run.experiment, run.seed) for run in results.done}
    return [seed for seed in results.seeds if all((e.name, seed) in found for e in results.experiments)]


def _top1(run: Run, split: str) -> str:
    """Top-1 in % after the last epoch."""
    value = run.metrics.get(split, {}).get("last", {}).get("top1")
    return "" if value is None else f"{100 * value:.1f}"


def _spread(mean: float | None, sd: float | None) -> str:
    if mean is None:
        return ""
    return f"{mean:.2f}" if sd is None else f"{mean:.2f} ± {sd:.2f}"


def text(file: Path, page: Page) -> str:
    """The text of a file with its parts filled in."""
    return re.sub(r"\{([a-z_]+)\}", lambda found: getattr(page, found[1])(), file.read_text("utf-8"))


def pages() -> Iterator[tuple[Path, str]]:
    """Each page with the content it should have."""
    for lang, suffix in (("en", ""), ("ko", ".ko")):
        page = Page(lang)
        yield HERE.parent / "docs" / f"results{suffix}.md", text(HERE / f"page.{lang}.md", page)
        chart = mixscope.figures(bundle(STUDY), lang=lang)["contrast-gain-cutmix"]
        yield HERE.parent / "docs" / "figures" / f"two-cores{suffix}.svg", drawing.light(str(chart.svg))
        if lang == "en" and (HERE / ZOO).exists():
            yield HERE.parent / "docs" / "mixing-zoo.md", text(HERE / "zoo.en.md", page)
            zoo = HERE.parent / "docs" / "figures" / "mixing-zoo.svg"
            yield zoo, drawing.light(str(page.zoo_chart().svg))
        readme = HERE.parent / f"README{suffix}.md"
        before = readme.read_text("utf-8")
        marks = r"(<!-- headline -->\n).*?(\n<!-- /headline -->)"
        headline = page.headline().strip()
        yield readme, re.sub(marks, rf"\g<1>{headline}\g<2>", before, flags=re.DOTALL)


def main() -> int:
    """Writes or checks the pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a page differs")
    check = parser.parse_args().check
    differ = [(path, new) for path, new in pages() if not path.is_file() or path.read_text("utf-8") != new]
    for path, new in differ:
        print(f"{'differs' if check else 'written'}  {path.relative_to(HERE.parent)}")
        if not check:
            path.write_text(new, "utf-8")
    return int(check and bool(differ))


if __name__ == "__main__":
    sys.exit(main())
