"""Pages: the right numbers and colours, the right way round, and never more certainty than the result has."""

import unicodedata
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from tests.viewer_bridge.drawn import network
from tests.viewer_bridge.looking import count, shows, where
from triage.types import (
    Agreement,
    Analysis,
    Criterion,
    Geometry,
    QualityFlag,
    SecondOpinion,
    Severity,
    TissueClass,
)
from viewer_bridge.figures import AGREEMENTS, ONLY_TIME_TO_PEAK, span
from viewer_bridge.pages.canvas import AMBER, DISCLAIMER, GREEN, GREY, PAGE_SIZE_PX, RED, WHITE, Box
from viewer_bridge.pages.colour_maps import EMBER, LAGOON, MAP_LOOKS, MISSING_RGB, colourise
from viewer_bridge.pages.lettering import Weight, drawable, has_shape, typeface, wrap
from viewer_bridge.pages.notes import note_lines, notes_height, write_notes
from viewer_bridge.pages.summary import key_slice, map_pages, map_tile, overlay_montage, summary_page
from viewer_bridge.pages.tiles import (
    CORE_RGB,
    HYPOPERFUSED_RGB,
    NETWORK_RGB,
    chosen_slices,
    overlay_painter,
    radiological,
    slice_numbers,
)


def test_the_summary_prints_the_numbers_of_the_result(analysis):
    page = summary_page(analysis, software_version="0.1.0")
    assert page.shape == (PAGE_SIZE_PX[1], PAGE_SIZE_PX[0], 3)
    assert shows(page, f"{analysis.result.core_ml:.1f} ml", 46, RED, Weight.STRONG)
    assert not shows(page, f"{analysis.result.core_ml + 1:.1f} ml", 46, RED, Weight.STRONG)
    assert shows(page, DISCLAIMER, 19, AMBER)


def test_the_summary_prints_intervals_uncalibrated_volumes_territories_and_dropped_frames(analysis):
    page, result = summary_page(analysis)[:, :310], analysis.result
    assert shows(page, f"({span(result.intervals['core_ml'])})", 20, GREY)
    assert shows(page, "(2.10 or more)", 20, GREY)
    assert shows(page, f"{result.nominal_ml['core_ml']:.1f} ml", 16, WHITE)
    assert shows(page, "middle cerebral", 16, GREY)
    assert shows(page, "3 of 40", 16, WHITE)
    assert not shows(page, "4 of 40", 16, WHITE)


def test_a_ratio_below_its_limit_is_not_printed_as_the_limit(analysis):
    page = summary_page(Analysis(replace(analysis.result, mismatch_ratio=1.796), analysis.findings))
    assert shows(page, "1.79", 46, WHITE, Weight.STRONG)


def test_without_an_arterial_input_the_only_map_is_the_time_to_peak_and_says_so(time_to_peak_only):
    pages = map_pages(time_to_peak_only)
    assert list(pages) == ["ttp"]
    assert shows(pages["ttp"], ONLY_TIME_TO_PEAK, 26, WHITE, Weight.STRONG)
    page = summary_page(time_to_peak_only)
    assert shows(page, ONLY_TIME_TO_PEAK, 17, GREY)
    assert shows(page, "24", 16, WHITE)
    panel = page[:200, :310]
    assert shows(panel, "NO VOLUMES: without an arterial", 19, RED)
    assert not shows(panel, "--", 46, RED, Weight.STRONG)
    assert not shows(panel, "Mismatch volume", 17, GREY)


def test_the_time_to_peak_is_drawn_in_tissue_alone(time_to_peak_only):
    findings = time_to_peak_only.findings
    vessel = np.full_like(findings.tissue_class, TissueClass.VESSEL)
    blank = map_tile(replace(findings, tissue_class=vessel), "ttp", 8, 100)
    assert count(blank, MISSING_RGB) == blank.shape[0] * blank.shape[1]
    assert count(map_tile(findings, "ttp", 8, 100), MISSING_RGB) < blank.shape[0] * blank.shape[1] / 2


def test_the_summary_shows_core_and_penumbra_in_their_colours(analysis):
    page = summary_page(analysis)
    assert count(page, CORE_RGB) > 300
    assert count(page, HYPOPERFUSED_RGB) > 300


def test_a_healthy_brain_has_no_overlay(build):
    montage = overlay_montage(build((8, 64, 64), lesion=False).findings, 800, 600)
    assert montage.shape == (600, 800, 3)
    assert count(montage, CORE_RGB) == count(montage, HYPOPERFUSED_RGB) == 0


def test_an_untrusted_result_shows_neither_numbers_nor_overlays(untrusted):
    page = summary_page(untrusted)
    assert not shows(page, f"{untrusted.result.core_ml:.1f} ml", 46, RED, Weight.STRONG)
    assert shows(page, "--", 46, RED, Weight.STRONG)
    left_of_montage = 310
    assert count(page[:, left_of_montage:], CORE_RGB) == 0
    assert count(page[:, left_of_montage:], HYPOPERFUSED_RGB) == 0


def test_a_refused_scan_says_so_in_large_letters(not_analysed):
    page = summary_page(not_analysed)
    assert shows(page, "NOT ANALYSED", 58, AMBER, Weight.STRONG)
    assert shows(page, DISCLAIMER, 19, AMBER)
    assert map_pages(not_analysed) == {}


def test_every_page_carries_the_disclaimer(analysis):
    pages = map_pages(analysis)
    assert list(pages) == ["cbf", "cbv", "mtt", "tmax"]
    assert all(shows(page, DISCLAIMER, 19, AMBER) for page in pages.values())


def flipped(findings_geometry, axis):
    affine = findings_geometry.affine.copy()
    size = findings_geometry.shape[axis]
    affine[:3, 3] += affine[:3, axis] * (size - 1)
    affine[:3, axis] *= -1
    return Geometry(findings_geometry.shape, affine, findings_geometry.frame_of_reference_uid)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_patients_left_is_on_the_right_whatever_the_scanners_axes(build, axis):
    straight = build((8, 64, 64)).findings
    geometry = flipped(straight.geometry, axis)
    assert np.array_equal(
        radiological(np.flip(straight.core, axis), geometry), radiological(straight.core, straight.geometry)
    )


def test_the_lesion_on_the_left_is_drawn_on_the_right(analysis):
    tile = overlay_painter(analysis.findings).tile(key_slice(analysis.findings), 400)
    _, columns = where(tile, CORE_RGB)
    assert columns.size
    assert columns.min() > tile.shape[1] / 2


def test_slice_numbers_name_the_images_of_the_reference_series(analysis):
    geometry = analysis.findings.geometry
    assert slice_numbers(geometry) == list(range(1, 17))
    assert slice_numbers(flipped(geometry, 0)) == list(range(16, 0, -1))


def test_a_small_core_is_never_left_out_of_the_montage():
    brain = np.ones((60, 4, 4), bool)
    for z in range(60):
        core = np.zeros_like(brain)
        core[z, 0, 0] = True
        assert z in chosen_slices(brain, core, 20)


def test_maps_without_any_brain_still_draw(build):
    tile = map_tile(build((8, 64, 64)).findings, "tmax", 0, 100)
    assert tile.shape[0] == 100


@pytest.mark.parametrize("table", [EMBER, LAGOON], ids=["ember", "lagoon"])
def test_lightness_rises_with_the_value(table):
    linear = (table / 255.0) ** 2.2
    luminance = linear @ (0.2126, 0.7152, 0.0722)
    assert (np.diff(luminance) > -2e-3).all()
    assert luminance[-1] > 0.8
    assert luminance[0] < 0.02


def test_late_is_hot_and_missing_is_black():
    look = MAP_LOOKS["tmax"]
    early, late, missing = colourise(np.array([[1.0, 11.0, np.nan]], np.float32), look)[0]
    assert late.astype(int).sum() > early.astype(int).sum() + 200
    assert tuple(missing) == MISSING_RGB


VIETNAMESE = "aăâeêioôơuưyAĂÂEÊIOÔƠUƯY"
TONES = ["", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323"]
FRENCH = "àâæçèéêëîïôœùûüÿÀÂÆÇÈÉÊËÎÏÔŒÙÛÜŸ«»’"
SIGNS = "≥≤×−–—→µ·²³±°…≈“”§"


@pytest.mark.parametrize("weight", Weight)
def test_every_vietnamese_and_french_letter_and_every_sign_has_a_shape_of_its_own(weight):
    letters = {unicodedata.normalize("NFC", letter + tone) for letter in VIETNAMESE for tone in TONES}
    wanted = [*letters, *"đĐ", *FRENCH, *SIGNS, *map(chr, range(0x21, 0x7F))]
    unknown = bytes(typeface(20, weight).getmask("\ue123"))
    assert all(len(sign) == 1 for sign in wanted)
    assert [sign for sign in wanted if bytes(typeface(20, weight).getmask(sign)) == unknown] == []
    assert not has_shape("脑")


def test_digits_are_equally_wide_so_that_columns_of_numbers_stand_one_below_the_other():
    for weight in Weight:
        assert len({typeface(40, weight).getlength(digit) for digit in "0123456789"}) == 1


def test_text_keeps_its_letters_and_is_never_lost():
    assert drawable("Tmax ≥ 6 s – Đột quỵ 脑") == "Tmax ≥ 6 s – Đột quỵ ?"
    assert drawable(unicodedata.normalize("NFD", "NGUYỄN VĂN ĐỨC")) == "NGUYỄN VĂN ĐỨC"
    assert all(len(line) < 40 for line in wrap("x" * 500, 20, 200))


class Recorder:
    """Takes the lines that would be drawn."""

    def __init__(self):
        self.lines = []

    def text(self, _at, words, *_look):
        self.lines.append(words)


def test_notes_that_do_not_fit_are_counted(analysis):
    flags = tuple(QualityFlag(f"f{n}", Severity.WARNING, f"flag {n}") for n in range(20))
    flags = (*flags, QualityFlag("last", Severity.SEVERE, "the gravest"))
    recorder, lines = Recorder(), note_lines(replace(analysis.result, quality=flags), 600)
    write_notes(recorder, Box(0, 0, 600, 110), lines)
    assert recorder.lines[0] == "SEVERE: the gravest"
    assert recorder.lines[-1] == "… and 17 more lines in the report"
    assert notes_height(lines) < PAGE_SIZE_PX[1] / 4


def test_what_differs_and_what_is_uncertain_stands_above_what_agrees(analysis):
    unsure = Criterion(met=True, missing=(), text="DEFUSE 3 met.", changes_if="core > 60 ml", certain=False)
    differs = SecondOpinion("other", 60.0, 200.0, agrees=False, text="core 60 ml")
    result = replace(
        analysis.result, criteria={"defuse_3": unsure}, opinions=(*analysis.result.opinions, differs)
    )
    assert note_lines(result, 900) == [
        ("WARNING: Head moved 3.1 mm; frames were aligned.", AMBER),
        ("METHODS DIFFER: other: core 60 ml", AMBER),
        ("UNCERTAIN: DEFUSE 3 met. Changes if core > 60 ml, inside the 90 % interval.", AMBER),
        ("fixed threshold: same volumes", GREY),
        ("Compared with: the other hemisphere's tissue with Tmax below 4 s", GREY),
        ("INFO: Core model trained on simulated data only.", GREY),
    ]


def test_untrusted_notes_say_nothing_that_rests_on_the_numbers(untrusted):
    assert [line for line, _ in note_lines(untrusted.result, 900)] == [
        "SEVERE: The scan ended before the bolus had passed."
    ]


NETWORKS = {
    "near": (network(12.0),),
    "far": (network(20.0, Agreement.DIFFER, "the volumes differ"),),
    "opposed": (network(48.0, Agreement.CONTRADICT, "the cores lie on different sides"),),
    "late": (replace(network(0.0, None, "no answer within 1.5 s"), core_ml=None, overlap=None),),
    "none": (),
}


@pytest.mark.parametrize(
    ("case", "figure", "word", "colour"),
    [
        ("near", "12.0 ml", "AGREES", GREEN),
        ("far", "20.0 ml", "DIFFERS", AMBER),
        ("opposed", "48.0 ml", "CONTRADICTS", RED),
    ],
)
def test_a_networks_core_stands_beside_the_first_with_a_light_a_word_and_its_training(
    analysis, case, figure, word, colour
):
    result = replace(analysis.result, models=NETWORKS[case])
    page = summary_page(Analysis(result, analysis.findings))
    assert shows(page, f"{result.core_ml:.1f} ml", 46, RED, Weight.STRONG), "the first core is as it was"
    assert shows(page, figure, 28, WHITE, Weight.STRONG)
    assert shows(page, word, 19, colour, Weight.STRONG)
    assert shows(page, "trained on simulated patients", 15, GREY)
    lines = note_lines(result, 2000)
    told = [(line, hue) for line, hue in lines if line.startswith("NETWORK")]
    both = f"core {result.core_ml:.1f} ml by threshold, {figure} by network ctp-core-unet 0.1.0"
    expected = f"NETWORK {word}: {both} (trained on simulated patients): {result.models[0].text}"
    assert told == ([] if case == "near" else [(expected, colour)])
    assert not told or told[0] == lines[0]


def test_a_network_without_an_answer_says_why_and_none_installed_is_said(analysis):
    pages = {
        case: summary_page(Analysis(replace(analysis.result, models=NETWORKS[case]), analysis.findings))
        for case in ("late", "none")
    }
    assert shows(pages["late"], "no answer within 1.5 s", 15, GREY)
    assert not any(shows(pages["late"], word.upper(), 19, WHITE) for word in AGREEMENTS.values())
    assert shows(pages["none"], "no model installed", 16, GREY)


def test_a_networks_core_is_an_outline_on_the_pictures(analysis):
    z, bare = key_slice(analysis.findings), replace(analysis.findings, network_core=None)
    with_network, without = (overlay_painter(f).tile(z, 400) for f in (analysis.findings, bare))
    changed = (with_network != without).any(axis=-1)
    assert changed.sum() == count(with_network, NETWORK_RGB) > 40
    assert ndimage.binary_fill_holes(changed).sum() > 3 * changed.sum(), "an outline, not an area"
    assert not count(overlay_painter(analysis.findings, overlays=False).tile(z, 400), NETWORK_RGB)


def test_without_trust_no_network_is_told(untrusted):
    result = replace(untrusted.result, models=NETWORKS["opposed"])
    assert not count(summary_page(Analysis(result, untrusted.findings)), NETWORK_RGB)
    assert not any("NETWORK" in line for line, _ in note_lines(result, 900))


def test_without_trust_no_remark_gives_a_volume_away(untrusted):
    other = QualityFlag("second_method", Severity.WARNING, "transit model disagrees: core 6.2 ml")
    result = replace(untrusted.result, quality=(*untrusted.result.quality, other))
    assert not any("6.2 ml" in line for line, _ in note_lines(result, 900))
    assert any("6.2 ml" in line for line, _ in note_lines(replace(result, quality=(other,)), 900))


def test_uncertain_rules_are_read_first_and_plain_refusals_last(analysis):
    rules = {
        "plain": Criterion(met=False, missing=(), text="C not met (Author 2018, NEJM 378:11)"),
        "met": Criterion(met=True, missing=(), text="B met"),
        "unsure": Criterion(met=False, missing=(), text="A not met", certain=False),
    }
    lines = [line for line, _ in note_lines(replace(analysis.result, criteria=rules), 900)]
    assert [line for line in lines if "met" in line] == ["UNCERTAIN: A not met.", "B met.", "C not met."]
