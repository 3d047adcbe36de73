"""Health findings of earlier versions are read as today's, in every language."""

import json
import re
from pathlib import Path

import pytest

from mixscope import i18n
from mixscope.findings import Finding
from mixscope.runs import health_records

STORED = json.loads((Path(__file__).parent / "stored" / "health-0.1.json").read_text())


@pytest.mark.parametrize("name", STORED)
def test_findings_of_the_first_version_keep_their_numbers_and_severity(name):
    rows = STORED[name]
    found = health_records.read(rows, "tiny-imagenet")
    assert len(found) == len(rows)
    for row, finding in zip(rows, found, strict=True):
        assert (finding.severity in ("warn", "fail")) == (row["ok"] is False)
        assert (finding.severity == "note") == (row["ok"] is None)
        for number in re.findall(r"\d+\.\d+", i18n.render(finding)):
            assert number in row["sentence"] or number == "2.50" or "std" in i18n.render(finding), number
        assert re.search("[가-힣]", i18n.render(finding, "ko")) or i18n.RECORDED in finding.params


def test_only_a_sentence_without_numbers_stays_as_it_was_written():
    kept = [
        finding.code
        for rows in STORED.values()
        for finding in health_records.read(rows, "small")
        if i18n.RECORDED in finding.params
    ]
    assert kept == ["input-contract"]  # which inputs differed stood in the sentence alone


def test_what_old_records_say_of_weights_is_kept_for_the_same_methods():
    row = next(row for row in STORED["failed"] if row["check"] == "weights")
    (finding,) = health_records.read([row], "tiny-imagenet")
    said = i18n.render(finding)
    for word in ("MixUp", "CutMix", "resnet50.a1_in1k", "arXiv 2110.00476", "tiny-imagenet"):
        assert word in said and word in row["sentence"]


def test_findings_of_today_are_read_as_they_are():
    found = Finding("never-predicted", "warn", {"predictions": "test-last", "never": 1, "classes": 4})
    assert health_records.read([{"kind": "health", **found.to_dict()}], "small") == [found]
