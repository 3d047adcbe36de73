"""Tables as people publish them: seeds, epochs, several numbers in a cell, errors, labels, encodings."""

from pathlib import Path

import pytest

from mixscope import audit
from mixscope.audit import entries, formatting
from mixscope.results import table_files

CASES = Path(__file__).parent / "cases"


def contrasts(found):
    return {(c.name, *c.stratum.values()): c for c in found.contrasts}


def figures(text):
    """{label: {metric: percent}}"""
    rows = [e for t in table_files.markdown(text).tables for e in entries.read(t)[0]]
    return {e.label: {m: float(f.value) for m, f in e.figures.items()} for e in rows}


def audited(text, **options):
    return audit.document(table_files.markdown(text), **options)


def alarms(found):
    return [(f.rule, f.row) for f in found.findings if f.rule != "noise"]


def test_seeds_are_averaged_in_any_order_and_leave_their_spread():
    both = [audit.file(CASES / name) for name in ("seeds.csv", "seeds-reversed.csv")]
    one, other = (contrasts(found)["gain", "resnet18", "cutmix"] for found in both)
    assert one.estimate == pytest.approx(3.0) and one.seeds == 3
    assert (one.low, one.high) == pytest.approx((other.low, other.high))
    assert one.high - one.estimate == pytest.approx(2.776445 * (1 / 3 + 1 / 3) ** 0.5, rel=1e-5)
    assert alarms(both[0]) == [] and "cannot show that spread" not in formatting.text(both[0])


def test_gains_of_runs_with_seeds_are_those_of_their_means():
    found = contrasts(audit.file(CASES / "accuracies.csv"))
    assert found["gain", "resnet18", "cutmix"].estimate == pytest.approx(3.0)
    assert found["gain", "deit", "cutmix"].estimate == pytest.approx(25 / 3)
    assert found["D_cutmix",].estimate == pytest.approx(16 / 3)
    euro = contrasts(audit.file(CASES / "euro.csv"))["gain", "resnet", "cutmix"]
    assert euro.estimate == pytest.approx(3.0) and euro.seeds == 2


def test_every_augmentation_of_a_table_is_contrasted_with_its_baseline():
    rows = (
        ("Vanilla", 74.5, 65.9),
        ("CutMix", 77.5, 68.1),
        ("PuzzleMix", 79.0, 69.3),
        ("Cutout", 76.0, 66.0),
    )
    table = "CIFAR-100 test, top-1\n\n| Method | ResNet-50 | ViT-S |\n|---|---|---|\n"
    found = contrasts(audited(table + "".join(f"| {name} | {a} | {b} |\n" for name, a, b in rows)))
    gains = {(model, of): c.estimate for (name, _, model, of), c in gained(found)}
    assert gains == pytest.approx(
        {
            (model, name.lower()): value - plain
            for column, model in ((1, "resnet50"), (2, "vit small"))
            for name, value, plain in ((r[0], r[column], rows[0][column]) for r in rows[1:])
        }
    )
    assert found["D_puzzlemix", "cifar100"].estimate == pytest.approx((69.3 - 65.9) - (79.0 - 74.5))
    assert {name for name, *_ in found} == {"gain", "D_cutmix", "D_puzzlemix", "D_cutout"}


def gained(found):
    return [(key, c) for key, c in found.items() if key[0] == "gain"]


def test_gains_stated_in_cells_agree_with_the_values():
    found = audit.file(CASES / "deltas.md")
    assert alarms(found) == []
    assert contrasts(found)["gain", "resnet18", "mixup"].estimate == pytest.approx(2.91)
    wrong = (CASES / "deltas.md").read_text("utf-8").replace("(+2.20)", "(+2.50)")
    assert alarms(audited(wrong)) == [("difference", "MixUp resnext 50")]


def test_two_numbers_in_one_cell_are_two_metrics():
    found = figures((CASES / "two-in-one.md").read_text("utf-8"))
    assert found["cutmix Clean"] == {"top1": 84.0, "top5": 97.1}
    assert found["cutmix Corrupted"] == {"top1": 52.8, "top5": 78.3}
    wrong = (CASES / "two-in-one.md").read_text("utf-8").replace("78.3%", "48.3%")
    assert alarms(audited(wrong)) == [("top5-below-top1", "cutmix Corrupted")]
    assert figures("| m | Top-1 / Top-5 |\n|-|-|\n| a | 84.0 / 97.1 |\n| b | 74.0 / 96.1 |\n")["a"] == {
        "top1": 84.0,
        "top5": 97.1,
    }


def test_errors_that_no_heading_names_are_errors_and_a_small_one_is_no_share():
    found = figures((CASES / "error-heading.md").read_text("utf-8"))
    assert found["ResNet mnist"] == {"top1": pytest.approx(99.60)}
    assert found["ResNet + Cutout cifar10"] == {"top1": pytest.approx(95.89)}
    assert alarms(audit.file(CASES / "error-heading.md")) == [("direction", "headings")] * 2
    by_gain = (
        "| Model | ImageNet Cls (%) | ImageNet Loc (%) |\n|-|-|-|\n"
        "| ResNet50 | 23.68 | 46.3 |\n| ResNet50 + CutMix | 21.40 (+2.28) | 47.3 (+1.0) |\n"
    )
    assert contrasts(audited(by_gain))["gain", "imagenet", "resnet50", "cutmix"].estimate == pytest.approx(
        2.28
    )
    accuracy = by_gain.replace("21.40 (+2.28)", "25.96 (+2.28)")
    assert contrasts(audited(accuracy))["gain", "imagenet", "resnet50", "cutmix"].estimate == pytest.approx(
        2.28
    )
    assert figures(accuracy.replace("Cls", "Cls Acc"))["ResNet50 imagenet"] == {"top1": 23.68}


@pytest.mark.parametrize("sign", ["", "%"])
def test_an_error_below_one_percent_stays_one(sign):
    table = f"| Model | Error (%) |\n|-|-|\n| ResNet-18 | 0.40{sign} |\n| ResNet-34 | 0.36{sign} |\n"
    assert figures(table)["ResNet-18"] == {"top1": pytest.approx(99.6)}


def test_a_cell_that_may_be_a_share_carries_no_contrast():
    table = (
        "| Model | Aug | {} (%) |\n|-|-|-|\n| R | none | 77 |\n| R | mixup | 0.40 |\n| R | cutmix | 78 |\n"
    )
    for heading in ("Top-1", "Top-1 error"):
        found = audited(table.format(heading))
        assert alarms(found) == [("percent-typo", "R mixup")]
        assert ("gain", "r", "cutmix") in contrasts(found)
        assert ("gain", "r", "mixup") not in contrasts(found), "0.40 % or 40 %: nobody can say"


@pytest.mark.parametrize(
    ("rows", "read", "found"),
    [
        # An impossible value is no evidence for the unit, and a small one none for where a point is missing.
        (["none | 77", "mixup | 0.40", "cutmix | 178"], {"none": 77}, ["mixup", "cutmix"]),
        (["none | 178", "mixup | 0.40"], {}, ["none", "mixup"]),
        (["none | -3", "mixup | 0.40", "cutmix | 78"], {"cutmix": 78}, ["none", "mixup"]),
        (["none | 5", "mixup | 90", "cutmix | 788"], {"none": 5, "mixup": 90}, ["cutmix"]),
        (["none | 70", "mixup | 90", "cutmix | 788"], {"none": 70, "mixup": 90, "cutmix": 78.8}, ["cutmix"]),
        # The heading and one value say percent: two of three small values do not outvote them.
        (["none | 77", "mixup | 0.40", "cutmix | 0.45"], {"none": 77}, ["mixup", "cutmix"]),
        (["none | 0.77", "mixup | 0.40", "cutmix | 0.45"], {"none": 77, "mixup": 40, "cutmix": 45}, []),
    ],
)
def test_the_unit_of_a_column_rests_on_values_whose_unit_is_certain(rows, read, found):
    table = "| Aug | Top-1 (%) |\n|-|-|\n" + "".join(f"| {row} |\n" for row in rows)
    names = [row.split(" | ")[0] for row in rows]
    assert figures(table) == {name: {"top1": read[name]} if name in read else {} for name in names}
    assert sorted(alarms(audited(table))) == sorted(("percent-typo", name) for name in found)


@pytest.mark.parametrize(
    ("top1", "recall", "read", "rule"),
    [
        ("0.40", "0.39", {}, "percent-typo"),  # the whole row may be shares: one slip, one finding
        ("0.40", "90.0", {"recall": 90.0}, "percent-typo"),  # fits neither 0.40 % nor 40 %
        ("0.40", "40.0", {"top1": 40.0, "recall": 40.0}, "percent-typo"),
        ("0.40", "178.0", {}, "percent-typo"),
        ("0.90", "1.10", {"top1": 0.9, "recall": 1.1}, None),  # a run at chance
    ],
)
def test_what_stands_beside_a_small_value_decides_only_if_it_fits(top1, recall, read, rule):
    table = "| Model | Aug | Top-1 (%) | Recall (%) |\n|-|-|-|-|\n| R | none | 77.0 | 76.5 |\n"
    table += f"| R | mixup | {top1} | {recall} |\n| R | cutmix | 78.0 | 77.5 |\n"
    assert figures(table)["R mixup"] == read
    found = audited(table)
    assert {f.rule for f in found.findings if f.severity != "note"} == ({rule} if rule else set())
    wrong = 2 if recall == "178.0" else 1
    assert sum(f.rule == "percent-typo" for f in found.findings) == (wrong if rule else 0)
    assert (("gain", "r", "mixup") in contrasts(found)) == ("top1" in read)
    if rule and "top1" in read:
        assert contrasts(found)["gain", "r", "mixup"].doubtful == ("R mixup",)


def test_a_collapsed_run_is_no_misprint_by_its_precision():
    table = "| Aug | Top-1 | Recall | Precision | F1 |\n|-|-|-|-|-|\n| none | 60 | 60 | 61 | 60 |\n"
    found = audited(table + "| mixup | 10.0 | 10.0 | 1.0 | 1.8 |\n")
    assert alarms(found) == [] and found.figures == 8


def test_an_error_on_another_data_set_confirms_nothing():
    table = "| Model | MNIST error (%) | CIFAR-100 error (%) |\n|-|-|-|\n| ResNet-18 | 12 | 30 |\n"
    table += "| ResNet-50 | 0.40 | 23 |\n| ViT-S | 10 | 31 |\n"
    assert figures(table)["ResNet-50 mnist"] == {"top1": pytest.approx(99.6)}
    by_row = "| Data | Model | Error (%) |\n|-|-|-|\n| MNIST | ResNet-18 | 0.40 |\n"
    by_row += "| CIFAR-10 | ResNet-18 | 4.1 |\n| CIFAR-100 | ResNet-18 | 23.0 |\n"
    for text in (table, by_row):
        assert alarms(audited(text)) == []
    assert figures(by_row)["MNIST ResNet-18"] == {"top1": pytest.approx(99.6)}


def test_small_errors_beside_larger_ones_are_percent_without_a_sign():
    table = "| Model | Error |\n|-|-|\n| A | 0.40 |\n| B | 0.36 |\n| C | 4.1 |\n"
    assert figures(table) == {
        "A": {"top1": pytest.approx(99.6)},
        "B": {"top1": pytest.approx(99.64)},
        "C": {"top1": pytest.approx(95.9)},
    }
    only = audited(table.replace("4.1", "0.41"))
    assert [(f.severity, f.rule) for f in only.findings] == [("note", "unit")]


CLS = "| Model | ImageNet Cls (%) |\n|-|-|\n| ResNet-50 | 23.68 |\n| ResNet-50 + CutMix | 21.40 |\n"


def directions(found):
    return [(f.severity, f.why.params["basis"]) for f in found.findings if f.rule == "direction"]


def test_an_assumed_direction_is_said():
    found = audited(CLS)
    assert directions(found) == [("note", "assumed")]
    assert contrasts(found)["gain", "imagenet", "resnet50", "cutmix"].estimate == pytest.approx(-2.28)
    assert "read as accuracies, an assumption" in formatting.text(found)
    assert directions(audited(CLS.replace("Cls", "Cls Acc"))) == []


@pytest.mark.parametrize(
    ("change", "basis"),
    [
        (lambda t: t.replace("Cls (%)", "Cls (%) ↓"), None),
        (lambda t: t.replace("Cls (%)", "Top-1 ↓"), None),
        (lambda t: t.replace("Cls (%)", "Cls (%, lower is better)"), None),
        (lambda t: "Table 3: error rates (%).\n\n" + t, None),
        (lambda t: "Top-1 (↓)\n\n" + t, None),
        (lambda t: t.replace("21.40", "21.40 (+2.28)"), "gains"),
        (
            lambda t: (
                t.replace("| ImageNet Cls (%) |", "| ImageNet Cls (%) | CIFAR-10 Cls (%) |")
                .replace("|-|-|", "|-|-|-|")
                .replace("23.68 |", "23.68 | 4.10 |")
                .replace("21.40 |", "21.40 | 3.20 |")
            ),
            "beside",
        ),
    ],
)
def test_arrows_captions_gains_and_like_columns_tell_the_direction(change, basis):
    found = audited(change(CLS))
    assert contrasts(found)["gain", "imagenet", "resnet50", "cutmix"].estimate == pytest.approx(2.28)
    assert basis is None or basis in [b for _, b in directions(found)]
    assert basis is not None or directions(found) == []


@pytest.mark.parametrize("mark", ["Cls (%) ↑", "Acc ↑", "Acc (↓ sorted)"])
def test_an_accuracy_with_an_arrow_is_one(mark):
    found = audited(CLS.replace("Cls (%)", mark))
    assert contrasts(found)["gain", "imagenet", "resnet50", "cutmix"].estimate == pytest.approx(-2.28)
    assert directions(found) == []


def test_an_html_table_holds_its_contradiction():
    found = audit.file(CASES / "html-table.md")
    (only,) = found.contradictions
    assert (only.rule, only.row, only.line) == ("recall-is-top1", "ResNet50 MixUp", 2)
    assert "CIFAR-100" in found.test_set()


def test_findings_name_rows_by_their_own_labels():
    found = audit.file(CASES / "row-labels.md")
    assert {f.row for f in found.findings} == {"Exp-3", "Exp-7"}
    unknown = (CASES / "row-labels.md").read_text("utf-8").replace("실험군", "뭔가")
    assert {f.row for f in audited(unknown).findings} == {"Exp-3", "Exp-7"}


def test_experiments_that_differ_by_pretraining_alone_are_distinguished():
    text = (CASES / "row-labels.md").read_text("utf-8")
    text = "\n".join("|" + line.split("|", 2)[2] for line in text.splitlines())
    rows = {f.row for f in audited(text).contradictions}
    assert rows == {"CIFAR100 ViT-Small/16 MixUp from scratch", "CIFAR100 ViT-Small/16 MixUp pretrained"}


@pytest.mark.parametrize(
    "name", ["Normal", "base+", "None", "vanilla", "keine", "Vanilla", "無", "기본", "w/o"]
)
def test_baselines_by_many_names_are_baselines(name):
    table = (
        f"| Model | Aug | Top-1 |\n|-|-|-|\n| ResNet-18 | {name} | 76.0 |\n| ResNet-18 | CutMix | 79.0 |\n"
    )
    assert contrasts(audited(table))["gain", "resnet18", "cutmix"].estimate == pytest.approx(3.0)


EPOCHS = "".join(
    f"ResNet-18,{aug},{epoch},{1 / (epoch + 1):.3f},{50 + 5 * epoch + 3 * (aug == 'cutmix')}.0\n"
    for aug in ("none", "cutmix")
    for epoch in range(1, 5)
)


def test_of_a_table_by_epoch_the_last_one_counts():
    text = "model,aug,epoch,train_loss,top1\n" + EPOCHS
    found = audit.document(table_files.separated(text))
    gain = contrasts(found)["gain", "resnet18", "cutmix"]
    assert gain.estimate == pytest.approx(3.0) and set(gain.cells.values()) == {1.0, -1.0}
    assert found.rows == 2
    alone = audit.document(table_files.separated("epoch,val_loss,top1\n1,2.0,30\n2,1.5,40\n3,1.2,50\n"))
    assert alone.rows == 1


def test_training_budgets_are_no_epochs_of_one_run():
    text = "model,aug,epochs,top1\n" + "".join(
        f"ResNet-18,{aug},{e},{70 + e / 100 + 2 * (aug == 'mixup')}\n"
        for aug in ("none", "mixup")
        for e in (100, 200, 300)
    )
    assert len(audit.document(table_files.separated(text)).contrasts) == 3


@pytest.mark.parametrize(
    ("heading", "cells"),
    [
        ("Random state", ("42", "1337")),
        ("CIFAR-10 seed", ("42", "131")),
        ("MixUp seed", ("1", "2")),
        ("Test loss", ("0.91", "131.0")),
        ("Cross entropy (CIFAR-10)", ("0.9", "2.3")),
        ("CIFAR-10 NLL", ("0.9", "230.0")),
        ("Perplexity MixUp", ("12", "230.0")),
    ],
)
def test_random_states_and_losses_are_no_metrics(heading, cells):
    table = f"| Model | {heading} | Top-1 |\n|-|-|-|\n| ResNet-18 | {cells[0]} | 76.0 |\n"
    table += f"| ViT-S | {cells[1]} | 79.0 |\n"
    found = audited(table)
    assert alarms(found) == [] and found.figures == 2


def test_a_table_of_losses_by_augmentation_is_no_table_of_scores():
    table = "### Validation loss\n\n| Model | None | MixUp |\n|-|-|-|\n"
    table += "| ResNet-18 | 1.31 | 120.0 |\n| ViT-S | 0.98 | 2.0 |\n"
    found = audited(table)
    assert alarms(found) == [] and found.figures == 0
    assert audited(table.replace("Validation loss", "Top-1 accuracy").replace("120.0", "98.0")).figures == 4


def test_a_finding_of_one_cell_in_two_tables_is_one_finding():
    table = "| Exp | Dataset | Top-1 | Recall |\n|-|-|-|-|\n| Exp-11 | CIFAR-100 | 61.2 | 60.2 |\n"
    found = audited(f"{table}\n## Again\n\n{table}")
    assert alarms(found) == [("recall-is-top1", "Exp-11")]
    twice = audited(table + table.splitlines()[-1] + "\n")
    assert len(alarms(twice)) == 2


@pytest.mark.parametrize(
    ("encoding", "aug"), [("gbk", "数据增强"), ("cp949", "증강 기법"), ("utf-16", "증강 기법")]
)
def test_a_table_in_another_encoding_is_read(tmp_path, encoding, aug):
    path = tmp_path / "t.csv"
    model = "模型" if encoding == "gbk" else "모델"
    text = f"{model},{aug},seed,Top-1\nResNet-18,none,0,76.0\nResNet-18,CutMix,0,79.0\n"
    path.write_bytes(text.encode(encoding))
    assert contrasts(audit.file(path))["gain", "resnet18", "cutmix"].estimate == pytest.approx(3.0)


def test_a_cell_of_many_digits_takes_no_time():
    table = f"| Model | Top-1 |\n|-|-|\n| ResNet-18 | {'9' * 200_000} |\n| ViT-S | 79.0 |\n"
    assert audited(table).figures <= 1
