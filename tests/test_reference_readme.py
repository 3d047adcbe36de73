"""A README with its results in several tables, in Korean, as `--reference`."""

import pytest

import made_study
from mixscope import cli
from mixscope.report import published

RESULT = (
    "| 실험군 | 데이터셋 | 모델 | Augmentation | Pretrained | Top-1 Acc | Top-5 Acc | Recall | Precision"
    " | F1-score |\n"
)
DESIGN = "| 실험군 | 모델 | Augmentation |  Pretrained | 목적 |\n|---|---|---|---|---|\n"
ROWS = {  # invented
    "Control-1": "CIFAR100 | ResNet50 | Default |  ✗ | 41.20% | 69.10% | 41.20% | 41.30% | 41.00%",
    "Exp-1": "CIFAR100 | ResNet50 | MixUp |  ✗ | 47.55%% | 74.01% | 47.55% | 47.90% | 47.10%",
    "Control-3": "Tiny-ImageNet | ResNet50 | Default |  ✗ | 43.10% | 68.20% | 43.10% | 43.00% | 42.80%",
    "Control-5": "CIFAR100 | ResNet50 | Default |  ✓ | 60.02% | 84.40% | 60.02% | 60.10% | 59.90%",
    "Exp-9": "CIFAR100 | ResNet50 | MixUp |  ✓ | 63.12% | 86.00% | 63.12% | 63.20% | 62.98%",
}
TOP1 = {"Control-1": 41.2, "Exp-1": 47.55, "Control-3": 43.1, "Control-5": 60.02, "Exp-9": 63.12}


def table(*names):
    rows = "".join(f"| **{name}** | {ROWS[name]} |\n" for name in names)
    return f"{RESULT}|{'---|' * 10}\n{rows}\n"


def readme(*, design_last=False):
    design = DESIGN + "".join(
        f"| **{name}** | {' | '.join(row.split(' | ')[1:4])} | 베이스라인 설정 |\n"
        for name, row in ROWS.items()
    )
    hypotheses = (
        "| 가설 | 내용 |\n|---|---|\n| **H1** | ResNet의 CNN 구조는 CutMix에서 더 큰 이익을 얻을 것 |\n"
    )
    results = (
        f"### 전체성능 비교 요약\n{table(*ROWS)}\n#### CIFAR100 실험\n{table('Control-1', 'Exp-1')}\n"
        f"#### Tiny-ImageNet (200) 실험\n{table('Control-3')}\n"
        f"#### Pretrained 실험\n{table('Control-5', 'Exp-9')}\n"
        "### Best 조합 (Top-1 기준)\n| 데이터셋 | 최적 조합 | Top-1 / Top-5 |\n|---|---|---|\n"
        "| CIFAR100 | **ResNet50 + MixUp + Pretrained** | 63.12% / 86.00% |\n"
    )
    parts = [hypotheses, results, design] if design_last else [hypotheses, design, results]
    return "# ResNet vs ViT: CutMix/MixUp\n\n" + "\n\n".join(parts)


@pytest.mark.parametrize("design_last", [False, True])
def test_every_table_of_a_readme_is_read_and_those_without_numbers_count_for_nothing(tmp_path, design_last):
    file = tmp_path / "README.md"
    file.write_text(readme(design_last=design_last), "utf-8")
    found = published.table(file)
    assert {name: values["top1"] for name, values in found.values.items()} == TOP1
    slips = [(name, doubt.rule) for name, doubts in found.doubts.items() for doubt in doubts]
    contradictions = [slip for slip in slips if slip[1] != "band"]
    assert contradictions == [("Exp-1", "percent-typo")], "tables that agree contradict nothing"


def test_a_number_that_two_tables_print_differently_is_reported(tmp_path):
    file = tmp_path / "README.md"
    text = readme()
    at = text.rindex("63.12% | 86.00%")
    file.write_text(f"{text[:at]}64.12% | 86.00%{text[at + 15 :]}", "utf-8")
    found = published.table(file)
    assert found.values["Exp-9"]["top1"] == 63.12 and "Exp-9" in found.doubts


def test_the_report_sets_a_readme_beside_ours(tmp_path, capsys):
    names = "".join(
        f"  {name}: {{model: {model}, augmentation: {augmentation}, pretrained: {weights}}}\n"
        for name, model, augmentation, weights in [
            ("Control-1", "resnet", "default", "scratch"),
            ("Exp-1", "resnet", "mixup", "scratch"),
            ("Control-5", "resnet", "default", "imagenet"),
            ("Exp-9", "resnet", "mixup", "imagenet"),
        ]
    )
    small = (
        "name: small\nbase: {data.name: digits, augment.base: none, train.epochs: 2}\n"
        "factors:\n  model: {resnet: {model.arch: resnet10t}}\n"
        "  augmentation: {default: {augment.mix: none}, mixup: {augment.mix: mixup}}\n"
        "  pretrained: {scratch: {model.pretrained: false}, imagenet: {model.pretrained: true}}\n"
        f"seeds: [0]\nnames:\n{names}"
    )
    made_study.write(tmp_path / "runs", small)
    (tmp_path / "README.md").write_text(readme(), "utf-8")
    assert cli.main(["report", str(tmp_path / "runs"), "--reference", str(tmp_path / "README.md")]) == 0
    page = (tmp_path / "runs" / "report" / "index.html").read_text("utf-8")
    assert "47.55" in page and "63.12" in page
