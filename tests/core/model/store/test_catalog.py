import subprocess
import sys
from collections import Counter
from urllib.parse import urlsplit

import pytest

from core.errors import CheckpointError
from core.model.checkpoints.kind import CheckpointKind
from core.model.store.catalog import (
    CATALOG,
    PUBLISHED_AT,
    Source,
    entry,
    entry_for_md5,
    training_audio_early_s,
)


def test_seven_published_checkpoints_are_listed() -> None:
    assert Counter(one.kind for one in CATALOG) == {
        CheckpointKind.SYNC: 3,
        CheckpointKind.EXTRACTORS: 3,
        CheckpointKind.SYNCHABILITY: 1,
    }


def test_names_stand_for_one_checkpoint_each() -> None:
    names = [name for one in CATALOG for name in (one.id, one.alias)]
    assert len(set(names)) == 14
    assert all(entry(name).id == entry(entry(name).alias).id for name in names)


def test_every_original_lies_in_the_folder_of_its_run() -> None:
    for one in CATALOG:
        originals = [s for s in one.sources if s.url.startswith(f"{PUBLISHED_AT}{one.id}/")]
        assert len(originals) == 1
        assert len(originals[0].md5_prefix) == 7
        assert urlsplit(originals[0].url).scheme == "https"


def test_audioset_model_is_first_fetched_where_its_whole_hash_is_known() -> None:
    first, second = entry("audioset").sources
    assert len(first.md5_prefix) == 32
    assert second.md5_prefix == "54037d2"


def test_only_models_of_vggsound_are_marked_for_dropped_priming() -> None:
    marked = {one.alias for one in CATALOG if one.training_audio_early_s}
    assert marked == {"vggsound", "vggsound-extractors"}
    assert entry("vggsound").training_audio_early_s == 0.064


def test_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(CheckpointError, match="audioset, vggsound, lrs3, synchability"):
        entry("audioste")


def test_file_is_recognised_by_the_beginning_of_its_md5() -> None:
    found = entry_for_md5("4415276" + "0" * 25)
    assert found is not None
    assert found.alias == "lrs3"
    assert entry_for_md5("0" * 32) is None


@pytest.mark.parametrize("url", ["http://example.org/x.pt", "ftp://a/x", "file:///x", "x.pt"])
def test_address_that_others_can_change_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        Source(url, "0000000", 1)


def test_catalogue_and_store_are_there_without_torch() -> None:
    program = (
        "import sys, core.model.store.catalog, core.model.store.store\n"
        "print([name for name in ('torch', 'requests', 'numpy') if name in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


def test_only_known_models_are_aligned() -> None:
    assert training_audio_early_s(entry("vggsound").id) == 0.064
    assert training_audio_early_s(entry("audioset").id) == 0
    assert training_audio_early_s("mine") == 0
