"""A study that was edited after its first run is seen by what its runs recorded, and runs are not hidden."""

import dataclasses
import json
import zipfile
from pathlib import Path

import pytest

import made_study
import mixscope
from command_line import call
from mixscope import i18n
from mixscope.claims import post_hoc, verdicts
from mixscope.errors import ConfigError
from mixscope.report import page
from mixscope.results import bundle, claims_files, folders, sources
from mixscope.runs import records
from mixscope.studies import folder as study_folder
from mixscope.study import matrix
from test_verdicts import TWO, skill

GOOD = {"resnet-cutmix": 4.0, "vit-cutmix": 4.0}
FOUR = TWO.replace("[0, 1, 2]", "[0, 1, 2, 3]")
LOOKS = TWO.replace("seeds: [0, 1, 2]", "seeds: [0, 1, 2, 3, 4]\nlooks: [3, 5]")


def write(folder, text=TWO, **states):
    """Made runs that recorded their study as `matrix.around` has it."""
    names = {name.replace("_", "-"): state for name, state in states.items()}
    study = made_study.write(folder, text, dataclasses.replace(skill(**GOOD), states=names))
    for path in records.list_runs(folder):
        file = path / "environment.json"
        records.write_json(file, json.loads(file.read_text()) | {"study": matrix.around(path)})
    return study


def edit(folder, before, after):
    file = folder / "study.yaml"
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))


def said(folder):
    return [(v.verdict, *(kind for r in v.readings for kind in r.gate_kinds)) for v in verdict(folder)]


def verdict(folder):
    return verdicts.judge(folders.study(folder))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("[0, 1, 2, 3]", "[0, 1, 2]", "seeds do not begin"),
        ("[0, 1, 2, 3]", "[3, 1, 2, 0]", "seeds do not begin"),
        ("[0, 1, 2, 3]", "[0, 1, 2, 7]", "seeds do not begin"),
        ("resnet: {model.arch: resnet10t}, ", "", "no longer has model=resnet"),
        ("train.epochs: 4", "train.epochs: 5", "16 runs were begun for it that it no longer asks for"),
        ("expect: above", "expect: none", "claims were edited after 16 runs"),
        (TWO[TWO.index("claims:") :], "", "claims were edited after 16 runs"),
    ],
)
def test_an_edit_after_the_first_run_is_post_hoc_and_has_no_headline(tmp_path, capsys, before, after, told):
    write(tmp_path / "s", FOUR)
    code, text, _ = call(capsys, "judge", tmp_path / "s")
    assert code == 0 and "SUPPORTED" in text and "post hoc" not in text
    edit(tmp_path / "s", before, after)
    code, text, err = call(capsys, "judge", tmp_path / "s")
    assert code == 0, err
    assert told in text and "post hoc" in text and "SUPPORTED" not in text
    results = folders.study(tmp_path / "s")
    kinds = {v.verdict for v in verdicts.judge(results)}
    assert kinds <= {verdicts.POST_HOC, verdicts.MISSING}
    written = page.write(results, out=tmp_path / "out", language="en").page.read_text().split("</style>")[-1]
    assert "best-list" not in written and "written down before" not in written and told in written


def test_seeds_and_levels_may_be_added(tmp_path):
    write(tmp_path / "s", LOOKS.replace("[0, 1, 2, 3, 4]", "[0, 1, 2]"))
    assert said(tmp_path / "s") == [("SUPPORTED",)]
    edit(tmp_path / "s", "[0, 1, 2]", "[0, 1, 2, 8, 3]")
    assert said(tmp_path / "s") == [("SUPPORTED",)]
    edit(
        tmp_path / "s",
        "cutmix: {augment.mix: cutmix}}",
        "cutmix: {augment.mix: cutmix}, mixup: {augment.mix: mixup}}",
    )
    assert said(tmp_path / "s") == [("SUPPORTED",)]


def test_records_of_earlier_versions_have_the_number_of_seeds(tmp_path):
    write(tmp_path / "s", FOUR)
    for path in records.list_runs(tmp_path / "s"):
        found = json.loads((path / "environment.json").read_text())
        del found["study"]["factors"]
        found["study"]["seeds"] = 4
        records.write_json(path / "environment.json", found)
    assert said(tmp_path / "s") == [("SUPPORTED",)]
    edit(tmp_path / "s", "[0, 1, 2, 3]", "[0, 1, 2]")
    assert said(tmp_path / "s")[0][0] == "POST-HOC"
    codes = [gate.finding.code for gate in post_hoc.edits(folders.study(tmp_path / "s"))]
    assert codes == ["seeds-edited", "runs-unasked"]


def test_a_study_with_runs_does_not_take_another_order_of_seeds(tmp_path):
    before = write(tmp_path / "s", FOUR)
    after = matrix.parse(FOUR.replace("[0, 1, 2, 3]", "[3, 1, 2, 0]"), file="study.yaml")
    changed = study_folder.changes(before, after, {p.name for p in (tmp_path / "s").iterdir()})
    assert changed == ["seeds: [0, 1, 2, 3] -> [3, 1, 2, 0] (new ones come last, none goes)"]


@pytest.mark.parametrize("state", ["failed", "pending"])
@pytest.mark.parametrize("seed", [1, 3, 4])
def test_a_planned_run_that_failed_or_is_missing_caps_whatever_the_look(tmp_path, state, seed):
    write(tmp_path / "s", LOOKS, **{f"vit_cutmix_s{seed}": state})
    vit = verdict(tmp_path / "s")[0].readings[1]
    assert vit.stratum == {"model": "vit"} and vit.verdict == "INCONCLUSIVE"
    assert vit.gate_kinds[-1] == ("failed" if state == "failed" else "unfinished")


def test_a_run_that_failed_beyond_the_look_caps_where_later_ones_are_not_begun(tmp_path):
    later = {f"{m}_{a}_s4": "pending" for m in ("resnet", "vit") for a in ("default", "cutmix")}
    write(tmp_path / "s", LOOKS, vit_cutmix_s3="failed", **later)
    resnet, vit = verdict(tmp_path / "s")[0].readings
    assert (resnet.look.seeds, resnet.gate_kinds) == (vit.look.seeds, ()) == (3, ())
    assert vit.verdict == "INCONCLUSIVE" and vit.gate_kinds == ("failed",)


def test_an_experiment_may_stop_at_a_look(tmp_path):
    write(tmp_path / "s", LOOKS, vit_cutmix_s3="pending", vit_cutmix_s4="pending")
    assert said(tmp_path / "s") == [("SUPPORTED",)]


def test_a_bundle_whose_claims_were_edited_is_post_hoc(tmp_path):
    write(tmp_path / "s")
    made = tmp_path / "b"
    bundle.write(folders.study(tmp_path / "s"), made)
    assert [v.verdict for v in verdicts.judge(bundle.read(made))] == ["SUPPORTED"]
    index = json.loads((made / "bundle.json").read_text())
    index["claims"][0]["margin"] = 60.0
    for digest in (index["claims_digest"], "0" * 16):
        edited = dataclasses.replace(
            bundle.read(made),
            claims=tuple(dataclasses.replace(c, margin=60.0) for c in bundle.read(made).claims),
            claims_digest=digest,
        )
        assert [v.verdict for v in verdicts.judge(edited)] == ["POST-HOC"]
    # Runs that recorded nothing of their study do not hide the edit.
    made_study.write(tmp_path / "old", TWO, skill(**GOOD))
    bundle.write(folders.study(tmp_path / "old"), tmp_path / "old-bundle")
    whole = bundle.read(tmp_path / "old-bundle")
    assert [v.verdict for v in verdicts.judge(whole)] == ["SUPPORTED"]
    edited = dataclasses.replace(
        whole, claims=tuple(dataclasses.replace(c, margin=60.0) for c in whole.claims)
    )
    assert [v.verdict for v in verdicts.judge(edited)] == ["POST-HOC"]
    zipped = tmp_path / "b.zip"
    bundle.write(folders.study(tmp_path / "s"), zipped)
    assert zipfile.is_zipfile(zipped)


def test_claims_beside_a_study_are_post_hoc_unless_its_runs_recorded_them(tmp_path, capsys):
    """A claims file made of what a study found is read like any, and confirms nothing."""
    write(tmp_path / "s")
    bundle.write(folders.study(tmp_path / "s"), tmp_path / "s.zip")
    claims = tmp_path / "claims.yaml"
    assert call(capsys, "claims", "new", tmp_path / "s", "--out", claims)[0] == 0
    for source in (tmp_path / "s", tmp_path / "s.zip"):
        code, text, err = call(capsys, "judge", source, "--claims", claims)
        assert code == 0 and not err and "gain-cutmix  " in text, err
        assert f"the claims of {claims} are none that the 12 runs recorded" in text
        judged = mixscope.judge(mixscope.load(source, claims=claims))
        assert {v.verdict for v in judged} == {"POST-HOC"}
        assert "post hoc" in judged.to_markdown() and "Post hoc (" in judged.sentences()[0]
    own = matrix.KEPT
    claims.write_text(TWO[TWO.index("claims:") :])
    for file in (tmp_path / "s" / own, claims):
        found = mixscope.load(tmp_path / "s", claims=file)
        assert [v.verdict for v in verdicts.judge(found)] == ["SUPPORTED"], "the same claims are as early"
    for form in ("judge", "report"):
        _, text, _ = call(capsys, form, tmp_path / "s", "--claims", claims)
        assert "post hoc" not in text.lower(), form
    claims.write_text("claims: {extends: mixup-and-cutmix}\n")
    code, _, err = call(capsys, "judge", tmp_path / "s", "--claims", claims)
    assert code in (0, 2) and "Traceback" not in err
    page_ = tmp_path / "post-hoc"
    call(capsys, "claims", "new", tmp_path / "s", "--out", tmp_path / "new.yaml")
    assert call(capsys, "report", tmp_path / "s", "--claims", tmp_path / "new.yaml", "--out", page_)[0] == 0
    told = (page_ / "index.html").read_text()
    assert "are none that the 12 runs recorded" in told and "written down before" not in told


def test_a_run_that_a_bundle_no_longer_asks_for_is_reported_by_it_too(tmp_path):
    write(tmp_path / "s", FOUR)
    edit(tmp_path / "s", "train.epochs: 4", "train.epochs: 5")
    bundle.write(folders.study(tmp_path / "s"), tmp_path / "b.zip")
    assert len(bundle.read(tmp_path / "b.zip").unasked) == 16


def test_claims_that_no_run_recorded_are_said_to_be_not_recorded(tmp_path, capsys):
    made_study.write(tmp_path / "s", TWO, skill(**GOOD))
    _, text, _ = call(capsys, "judge", tmp_path / "s")
    assert "is not recorded" in text
    written = page.write(folders.study(tmp_path / "s"), out=tmp_path / "out", language="en").page.read_text()
    assert "is not recorded" in written and "written down before" not in written
    write(tmp_path / "r")
    assert "is not recorded" not in call(capsys, "judge", tmp_path / "r")[1]
    written = page.write(folders.study(tmp_path / "r"), out=tmp_path / "out2", language="en").page.read_text()
    assert "written down before" in written and "is not recorded" not in written


def test_rows_of_a_table_that_are_not_finished_cap_and_do_not_count_at_a_look(tmp_path):
    lines = ["augmentation,seed,state,accuracy"]
    lines += [f"default,{s},done,{70 + 0.1 * s}" for s in range(5)]
    lines += [f"cutmix,{s},done,{75 + 0.1 * s}" for s in range(5)]
    claims = tmp_path / "claims.yaml"
    text = TWO[TWO.index("claims:") :]

    def judged(state, seed, looks=""):
        table = tmp_path / "t.csv"
        table.write_text("\n".join(lines).replace(f"cutmix,{seed},done", f"cutmix,{seed},{state}"))
        claims.write_text(looks + text)
        found = claims_files.read(claims).put_into(sources.load(table))
        (reading,) = verdicts.judge(found)[0].readings
        return reading

    assert judged("done", 4).verdict == "SUPPORTED"
    for state in ("running", "pending", "interrupted"):
        reading = judged(state, 4)
        assert reading.verdict == "INCONCLUSIVE" and reading.gate_kinds == ("unfinished",), state
        reading = judged(state, 4, "looks: [3, 5]\n")
        assert reading.look.seeds == 3 and reading.verdict == "SUPPORTED", state
        assert judged(state, 1, "looks: [3, 5]\n").gate_kinds == ("seeds", "unfinished"), state
    assert judged("failed", 4, "looks: [3, 5]\n").gate_kinds == ("failed",)


def test_every_form_of_judge_says_the_version_of_the_rules(tmp_path, capsys):
    write(tmp_path / "s")
    for form in ("text", "markdown", "latex"):
        assert "rules" in call(capsys, "judge", tmp_path / "s", "--format", form)[1], form
    judged = mixscope.judge(folders.study(tmp_path / "s"))
    assert "rules 2" in repr(judged) and "rules" in judged.to_markdown() and "rules" in judged.to_latex()


def test_weights_of_a_contrast_are_scaled_to_a_difference_of_means(tmp_path):
    write(tmp_path / "s")
    found = [
        mixscope.contrast(folders.study(tmp_path / "s"), {"augmentation": {"cutmix": w, "default": -w}})
        for w in (1, 0.01, 7)
    ]
    assert found[0][0].interval == found[1][0].interval == found[2][0].interval


def test_claims_that_need_each_other_in_a_circle_are_refused():
    other = TWO + TWO[TWO.index("  gain:") :].replace("gain:", "b:") + "    needs: [gain]\n"
    matrix.parse(other, file="study.yaml")
    circle = other.replace("  b:\n", "    needs: [b]\n  b:\n")
    with pytest.raises(ConfigError, match=r"claims.gain.needs: gain needs itself by way of b"):
        matrix.parse(circle, file="study.yaml")


def test_sentences_claim_no_more_than_the_verdict(tmp_path):
    def sentences(name, text, edited=None, **states):
        write(tmp_path / name, text, **states)
        if edited:
            edit(tmp_path / name, *edited)
        return mixscope.judge(folders.study(tmp_path / name)).sentences()

    assert all("improved" in said for said in sentences("good", TWO))
    post_hoc = sentences("edited", TWO, ("margin: 1.0", "margin: 6.0"))
    assert all(said.startswith("Post hoc (claims were written or edited") for said in post_hoc)
    capped = sentences("failed", FOUR, resnet_cutmix_s3="failed", vit_cutmix_s3="failed")
    assert all(said.startswith("Inconclusive (planned runs failed") for said in capped)
    near = sentences("near", TWO.replace("margin: 1.0", "margin: 99.0"))
    assert all("a difference within the margin of 99 pp" in said for said in near)
    same = TWO.replace("margin: 1.0", "margin: 99.0").replace("above", "equivalent")
    same = sentences("same", same)
    assert all("equivalent to none within the margin of 99 pp (90 % CI" in said for said in same)
    assert not any("improved" in said for said in (*post_hoc, *capped, *near, *same))
    first = sentences("look", LOOKS.replace("[0, 1, 2, 3, 4]", "[0, 1, 2]"))
    assert all("improved" in said and "(98.94 % CI" in said for said in first)


def test_the_example_of_the_documents_has_the_lines_of_the_program():
    text = (
        (Path(__file__).parents[1] / "docs" / "guides" / "claims.md")
        .read_text()
        .replace("\N{NO-BREAK SPACE}", " ")
    )
    lines = [
        i18n.message("why-crosses", level="99.68", margin="1"),
        i18n.message("answer-seeds_needed", n="8-12"),
        i18n.message("judge-paired", change="less", percent="20"),
        i18n.message("judge-look", number=2, of=4, seeds=5, level="99.68", low=-3.57, high=0.17, next=8),
    ]
    for line in lines:
        assert line.replace("\N{NO-BREAK SPACE}", " ") in text


def test_seeds_that_would_settle_a_claim_are_those_of_later_looks(tmp_path):
    weak = dataclasses.replace(skill(**{"resnet-cutmix": 1.7, "vit-cutmix": 1.75}))
    text = TWO.replace("claims:", "looks: [3, 5, 8, 12]\nclaims:")
    made_study.write(tmp_path / "s", text, weak)
    for reading in verdict(tmp_path / "s")[0].readings:
        assert {reading.seeds_low, reading.seeds_needed, reading.seeds_high} <= {5, 8, 12, None}
    # Settled by 3 seeds at the level of the last look, and not at that of the first: 3 is over.
    made_study.write(tmp_path / "near", text, dataclasses.replace(skill(**{"vit-cutmix": 4.0})))
    vit = verdict(tmp_path / "near")[0].readings[1]
    assert (vit.look.seeds, vit.verdict, vit.seeds_low) == (3, "INCONCLUSIVE", 5)
    made_study.write(tmp_path / "alone", TWO, weak)
    free = [r.seeds_needed for r in verdict(tmp_path / "alone")[0].readings]
    assert any(n not in (None, 5, 8, 12) for n in free)


def test_a_capped_verdict_stands_without_a_p_to_quote(tmp_path):
    def made(name, text, edited=None, **states):
        write(tmp_path / name, text, **states)
        if edited:
            edit(tmp_path / name, *edited)
        results = folders.study(tmp_path / name)
        kept = page.write(results, out=tmp_path / f"{name}-report", language="en")
        rows = next(kept.page.parent.rglob("contrasts.csv")).read_text().splitlines()
        columns = dict(
            zip(rows[0].split(","), zip(*(row.split(",") for row in rows[1:]), strict=True), strict=True)
        )
        return mixscope.judge(results), columns["p_holm"], kept.page.read_text()

    judged, column, _ = made("good", TWO)
    assert all(one.p_holm is not None for one in judged.statements) and all(column)
    assert all(", p " in said and "after Holm" in said for said in judged.sentences())
    for name, text, edited, states in (
        ("edited", TWO, ("margin: 1.0", "margin: 6.0"), {}),
        ("failed", FOUR, None, {"resnet_cutmix_s3": "failed", "vit_cutmix_s3": "failed"}),
    ):
        judged, column, _ = made(name, text, edited, **states)
        assert [one.cells()[4] for one in judged.statements] == ["-", "-"], name
        assert not any("after Holm" in said for said in judged.sentences()), name
        assert not any(column), name
    # Correction is in p itself: the p of a claim that fails only by it may be quoted.
    reading = dataclasses.replace(verdict(tmp_path / "good")[0].readings[0], gate_kinds=("holm",))
    assert reading.quotable_p == reading.p_holm


def test_seeds_that_count_for_no_verdict_are_reported_everywhere(tmp_path, capsys):
    write(tmp_path / "s")
    told = "no looks are declared, so claims are judged at the seeds that were planned first (0, 1, 2)"
    assert told not in call(capsys, "judge", tmp_path / "s")[1]
    longer = made_study.write(
        tmp_path / "t", TWO.replace("[0, 1, 2]", "[0, 1, 2, 3, 4]"), dataclasses.replace(skill(**GOOD))
    )
    for path in records.list_runs(tmp_path / "t"):
        file = path / "environment.json"
        first = {"name": longer.name, "claims": longer.claims_digest, "rules": 2, "seeds": [0, 1, 2]}
        records.write_json(file, json.loads(file.read_text()) | {"study": first})
    line = f"{told}; 2 finished seeds are left out (3, 4)"
    assert line in call(capsys, "judge", tmp_path / "t")[1]
    assert line in call(capsys, "study", "table", tmp_path / "t", "--out", tmp_path / "t")[1]
    found = json.loads(call(capsys, "judge", tmp_path / "t", "--json")[1])["uncounted"]
    assert found["left"] == 2 and found["sentence"] == line
    results = folders.study(tmp_path / "t")
    assert f"{line[0].upper()}{line[1:]}." in mixscope.judge(results).to_markdown()
    assert line in page.write(results, out=tmp_path / "out", language="en").page.read_text()
    korean = page.write(results, out=tmp_path / "ko", language="ko").page.read_text()
    assert "완료된 시드 2개(3, 4)는 제외됩니다" in korean
    bundle.write(results, tmp_path / "t.zip")
    assert line in call(capsys, "judge", tmp_path / "t.zip")[1]
    looks = TWO.replace("seeds: [0, 1, 2]", "seeds: [0, 1, 2, 3]\nlooks: [3, 5]")
    write(tmp_path / "u", looks)
    assert "no looks are declared" not in call(capsys, "judge", tmp_path / "u")[1]
