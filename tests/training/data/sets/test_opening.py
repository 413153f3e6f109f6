from collections.abc import Callable
from pathlib import Path

import pytest

from training.data.sets.data_set import SPLITS, DataConfig, DataSet, DataSetError, FixedOffset
from training.data.sets.opening import KINDS, open_data_set

WriteText = Callable[[str, str], Path]

META = """aaaaaaaaaaa,30,"dog, barking",train
bbbbbbbbbbb,0,dog barking,train
ccccccccccc,7,playing violin,train
ddddddddddd,1,dog barking,test
eeeeeeeeeee,2,dog barking,test
fffffffffff,3,dog barking,test
"""


@pytest.fixture
def vggsound(tmp_path: Path, write_text: WriteText) -> DataConfig:
    """Lists as they are published, and clips, which nothing reads here."""
    write_text("lists/vggsound.csv", META)
    train = ("ccccccccccc_7000_17000", "aaaaaaaaaaa_30000_40000", "bbbbbbbbbbb_0_10000")
    test = ("ddddddddddd_1000_11000", "eeeeeeeeeee_2000_12000", "fffffffffff_3000_13000")
    write_text("lists/vggsound_train.txt", "\n".join((*train, "not_in_the_table_0_10000", "")))
    write_text("lists/vggsound_test.txt", "\n".join(test))
    write_text("lists/picked_sparse_classes.csv", "dog barking\ty\nplaying violin\tn\n")
    write_text("lists/filtered_examples_vggsound/still.txt", "eeeeeeeeeee_2000_12000\n")
    write_text("lists/filtered_examples_vggsound/broken.txt", "bbbbbbbbbbb_0_10000.mp4\n")
    write_text("lists/filtered_examples_vggsound_extra/seen.txt", "fffffffffff_3000_13000\n")
    for name in (*train, *test):
        write_text(f"clips/{name}.mp4", "")
    return DataConfig("vggsound", tmp_path / "clips", tmp_path / "lists")


def keys(data_set: DataSet) -> list[str]:
    return [item.key for item in data_set.items]


def test_vggsound_is_what_table_and_list_have_and_filters_leave(vggsound: DataConfig) -> None:
    data_set = open_data_set("vggsound", "train", vggsound)
    assert keys(data_set) == ["aaaaaaaaaaa_30000_40000", "ccccccccccc_7000_17000"]
    assert data_set.items[0].label == "dog, barking"
    assert data_set.items[0].path == vggsound.root / "aaaaaaaaaaa_30000_40000.mp4"
    assert not data_set.notes


def test_sparse_sets_have_the_picked_classes(vggsound: DataConfig, write_text: WriteText) -> None:
    assert keys(open_data_set("vggsound-sparse", "test", vggsound)) == [
        "ddddddddddd_1000_11000",
        "fffffffffff_3000_13000",
    ]
    assert keys(open_data_set("vggsound-sparse-clean", "test", vggsound)) == [
        "ddddddddddd_1000_11000"
    ]
    with pytest.raises(DataSetError, match="leave no clips"):
        open_data_set("vggsound-sparse", "train", vggsound)
    write_text("lists/picked_sparse_classes.csv", "dog barking y\n")
    with pytest.raises(DataSetError, match=r"picked_sparse_classes\.csv, line 1, is not a row"):
        open_data_set("vggsound-sparse", "test", vggsound)


def test_fixed_sparse_set_has_clips_in_sync_with_their_windows(
    vggsound: DataConfig, write_text: WriteText
) -> None:
    rows = ["dataset_name,video_id,vstart_sec,offset_sec,is_sync"]
    rows += ["vggsound_sparse,ddddddddddd_1000_11000,4.64,-1.0,1"]
    rows += ["vggsound_sparse,fffffffffff_3000_13000,0.12,1.2,0"]
    write_text("lists/vggsound_sparse_clean_fixed_offsets.csv", "\n".join(rows))
    data_set = open_data_set("vggsound-sparse-fixed", "test", vggsound)
    assert keys(data_set) == ["ddddddddddd_1000_11000"]
    assert data_set.fixed == {"ddddddddddd_1000_11000": FixedOffset(offset_s=-1.0, start_s=4.64)}


def test_offset_tables_of_all_splits_are_read_and_agree(
    vggsound: DataConfig, write_text: WriteText
) -> None:
    folder = "lists/fixed_offsets_vggsound"
    head = "path,offset_sec,vstart_sec\n"
    name = "size21_crop5_min-2.00_max2.00.csv"
    write_text(f"{folder}/test_{name}", f"{head}ddddddddddd_1000_11000,-1.2,2.16\n")
    write_text(f"{folder}/valid_{name}", f"{head}xxxxxxxxxxx_0_10000,0.2,0.52\n")
    write_text(f"{folder}/test_size21_crop4_min-2.00_max2.00.csv", "other crops are not read")
    data_set = open_data_set("vggsound", "test", vggsound)
    assert data_set.fixed["ddddddddddd_1000_11000"] == FixedOffset(-1.2, 2.16)
    assert data_set.fixed["xxxxxxxxxxx_0_10000"] == FixedOffset(0.2, 0.52)
    write_text(f"{folder}/valid_{name}", f"{head}ddddddddddd_1000_11000,0.2,0.52\n")
    with pytest.raises(DataSetError, match=r"valid_.*, line 2, is not the same as another line"):
        open_data_set("vggsound", "test", vggsound)


def test_missing_clips_are_counted(vggsound: DataConfig) -> None:
    (vggsound.root / "ccccccccccc_7000_17000.mp4").unlink()
    data_set = open_data_set("vggsound", "train", vggsound)
    assert keys(data_set) == ["aaaaaaaaaaa_30000_40000"]
    assert data_set.notes == (
        f"1 of 2 clips are missing, such as {vggsound.root / 'ccccccccccc_7000_17000.mp4'}.",
    )
    elsewhere = DataConfig("vggsound", vggsound.root.parent, vggsound.lists)
    with pytest.raises(DataSetError, match=r"All 2 clips .* are missing.* with data\.root"):
        open_data_set("vggsound", "train", elsewhere)


def test_missing_filters_are_told(vggsound: DataConfig) -> None:
    assert vggsound.lists is not None
    folder = vggsound.lists / "filtered_examples_vggsound"
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    data_set = open_data_set("vggsound", "train", vggsound)
    assert len(data_set.items) == 3
    assert data_set.notes == (f"{folder} is missing, so its clips are not left out.",)


def test_more_clips_can_be_left_out(vggsound: DataConfig, write_text: WriteText) -> None:
    extra = write_text("mine.txt", "aaaaaaaaaaa_30000_40000\n")
    config = DataConfig("vggsound", vggsound.root, vggsound.lists, exclude=(extra,))
    assert keys(open_data_set("vggsound", "train", config)) == ["ccccccccccc_7000_17000"]
    gone = DataConfig("vggsound", vggsound.root, vggsound.lists, exclude=(Path("gone.txt"),))
    with pytest.raises(DataSetError, match=r"gone\.txt is missing"):
        open_data_set("vggsound", "train", gone)


@pytest.mark.parametrize("line", ["aaaaaaaaaaa,30", "aaaaaaaaaaa,thirty,dog barking,train"])
def test_malformed_table_names_file_and_line(
    vggsound: DataConfig, write_text: WriteText, line: str
) -> None:
    write_text("lists/vggsound.csv", f"{META}{line}\n")
    with pytest.raises(DataSetError, match=r"vggsound\.csv, line 7, is not a row of video"):
        open_data_set("vggsound", "train", vggsound)


def test_missing_lists_say_what_to_do(vggsound: DataConfig) -> None:
    assert vggsound.lists is not None
    (vggsound.lists / "vggsound_train.txt").unlink()
    with pytest.raises(DataSetError, match=r"vggsound_train\.txt is missing; copy the lists"):
        open_data_set("vggsound", "train", vggsound)
    with pytest.raises(DataSetError, match=r"name their folder with data\.lists"):
        open_data_set("vggsound", "train", DataConfig("vggsound", vggsound.root))
    with pytest.raises(DataSetError, match="is not a folder"):
        open_data_set("lrs3", "train", DataConfig("lrs3", vggsound.root, Path("nowhere")))


def test_lrs3_keeps_the_folders_of_its_lists(tmp_path: Path, write_text: WriteText) -> None:
    names = ["pretrain/film/00002", "pretrain/film/00001", "pretrain/other/00018"]
    write_text("lists/lrs3_valid.txt", "\n".join(names))
    for name in names:
        write_text(f"clips/{name}.mp4", "")
    table = "lists/fixed_offsets_lrs3/valid_size21_crop5_min-2.00_max2.00.csv"
    write_text(table, "path,offset_sec,vstart_sec\npretrain/other/00018,1.6,0.4\n")
    data_set = open_data_set(
        "lrs3", "valid", DataConfig("lrs3", tmp_path / "clips", tmp_path / "lists")
    )
    assert keys(data_set) == sorted(names)
    assert data_set.fixed["pretrain/other/00018"] == FixedOffset(1.6, 0.4)
    assert data_set.window_notes == (
        "2 of 3 clips of LRS3 (valid) are not in the tables of given windows in "
        f"{tmp_path / 'lists'}; they get random windows.",
    )


def test_missing_tables_of_windows_are_noted_for_tests(
    vggsound: DataConfig, write_text: WriteText
) -> None:
    (note,) = open_data_set("vggsound", "test", vggsound).window_notes
    assert note.startswith(f"There is no table of given windows in {vggsound.lists}; all 2 clips")
    assert not open_data_set("vggsound", "train", vggsound).window_notes
    write_text(
        "lists/fixed_offsets_vggsound/test_size21_crop5_min-2.00_max2.00.csv",
        "path,offset_sec,vstart_sec\nof another set,0.2,1.0\n",
    )
    (note,) = open_data_set("vggsound", "test", vggsound).window_notes
    assert note.startswith("2 of 2 clips of VGGSound (test) are not in the tables")


@pytest.mark.parametrize("row", ["nan,1.0", "0.2,-1.0", "0.2,inf", "0.2,nan", "0.2,soon"])
def test_windows_that_cannot_be_are_refused_with_their_line(
    vggsound: DataConfig, write_text: WriteText, row: str
) -> None:
    write_text(
        "lists/fixed_offsets_vggsound/test_size21_crop5_min-2.00_max2.00.csv",
        f"path,offset_sec,vstart_sec\nddddddddddd_1000_11000,{row}\n",
    )
    with pytest.raises(DataSetError, match=r"test_size21.*\.csv, line 2, is not a path, a"):
        open_data_set("vggsound", "test", vggsound)


@pytest.fixture
def audioset(tmp_path: Path, write_text: WriteText) -> DataConfig:
    rows = ['unbalanced/NFap9qgsI_s,30.000,40.000,"0,16",train']
    rows += ['unbalanced/--aE2O5G5WE,0.5,10.5,"1",train', 'eval/-0DLPzsiXXE,30,40,"1",test']
    write_text("lists/audioset.csv", "\n".join(rows))
    write_text("lists/audioset_labels.csv", '0,/m/09x0r,Speech\n16,/m/0,"Laughter, giggle"\n')
    write_text("lists/filtered_examples_audioset/short.txt", "")
    for place in (
        "unbalanced_train_segments/NFap9qgsI_s_30000_40000",
        "unbalanced_train_segments/--aE2O5G5WE_500_10500",
        "eval_segments/-0DLPzsiXXE_30000_40000",
    ):
        write_text(f"clips/{place}.mp4", "")
    return DataConfig("audioset", tmp_path / "clips", tmp_path / "lists")


def test_audioset_is_split_by_its_folders(audioset: DataConfig, write_text: WriteText) -> None:
    data_set = open_data_set("audioset", "train", audioset)
    assert keys(data_set) == [
        "unbalanced/--aE2O5G5WE_500_10500",
        "unbalanced/NFap9qgsI_s_30000_40000",
    ]
    assert [item.label for item in data_set.items] == ["1", "Speech, Laughter, giggle"]
    assert keys(open_data_set("audioset", "test", audioset)) == ["eval/-0DLPzsiXXE_30000_40000"]
    name = "unbalanced_train_segments/NFap9qgsI_s_30000_40000"
    write_text("lists/filtered_examples_audioset/short.txt", name)
    assert keys(open_data_set("audioset", "train", audioset)) == [
        "unbalanced/--aE2O5G5WE_500_10500"
    ]


def test_audioset_of_another_table(audioset: DataConfig, write_text: WriteText) -> None:
    table = write_text("balanced.csv", 'unbalanced/NFap9qgsI_s,30,40,"0",train\n')
    config = DataConfig("audioset", audioset.root, audioset.lists, meta=table)
    assert len(open_data_set("audioset", "train", config).items) == 1
    write_text("balanced.csv", 'evil/NFap9qgsI_s,30,40,"0",train\n')
    with pytest.raises(DataSetError, match=r"balanced\.csv, line 1, is not of one of the folders"):
        open_data_set("audioset", "train", config)


def test_folder_keeps_the_clips_of_a_film_together(tmp_path: Path, write_text: WriteText) -> None:
    for film in range(20):
        for part in range(3):
            write_text(f"clips/film{film:02}/{part}.mov", "")
    write_text("clips/notes.txt", "")
    write_text("clips/.trash/old.mov", "")
    config = DataConfig("folder", tmp_path / "clips")
    splits = {split: open_data_set("folder", split, config) for split in ("train", "valid", "test")}
    films = {split: {Path(key).parts[0] for key in keys(one)} for split, one in splits.items()}
    assert sum(len(found) for found in films.values()) == 20
    assert set.union(*films.values()) == {f"film{film:02}" for film in range(20)}
    assert open_data_set("folder", "train", config) == splits["train"]


def test_films_that_are_added_leave_the_others_where_they_are(
    tmp_path: Path, write_text: WriteText
) -> None:
    config = DataConfig("folder", tmp_path / "clips")

    def splits() -> dict[str, set[str]]:
        return {split: set(keys(open_data_set("folder", split, config))) for split in SPLITS}

    for film in range(10):
        write_text(f"clips/film{film:03}/a.mp4", "")
    before = splits()
    assert all(before.values())
    for film in range(10, 200):
        write_text(f"clips/film{film:03}/a.mp4", "")
        if film % 10 == 0:
            now = splits()
            assert before["train"] <= now["train"]
            before = now
    assert 145 < len(before["train"]) < 175
    assert min(len(before["valid"]), len(before["test"])) > 10


def test_folder_of_splits_and_folder_with_lists(tmp_path: Path, write_text: WriteText) -> None:
    write_text("clips/train/a.mp4", "")
    write_text("clips/valid/sub/b.mp4", "")
    config = DataConfig("folder", tmp_path / "clips")
    assert keys(open_data_set("folder", "valid", config)) == ["valid/sub/b.mp4"]
    with pytest.raises(DataSetError, match="no clips for test"):
        open_data_set("folder", "test", config)
    write_text("lists/test.txt", "train/a.mp4\n")
    listed = DataConfig("folder", tmp_path / "clips", tmp_path / "lists")
    assert keys(open_data_set("folder", "test", listed)) == ["train/a.mp4"]


def test_some_of_a_data_set_are_spread_over_it(tmp_path: Path, write_text: WriteText) -> None:
    for number in range(10):
        write_text(f"clips/train/{number}.mp4", "")
    data_set = open_data_set("folder", "train", DataConfig(root=tmp_path / "clips", n_most=4))
    assert keys(data_set) == [f"train/{number}.mp4" for number in (0, 2, 5, 7)]
    assert data_set.notes == ("4 of 10 clips of clips (train) are used.",)


def test_unknown_kinds_and_splits_are_listed(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match="there are " + ", ".join(KINDS)):
        open_data_set("lrs2", "train", DataConfig())
    with pytest.raises(DataSetError, match="the splits are train, valid, test"):
        open_data_set("folder", "validation", DataConfig(root=tmp_path))
