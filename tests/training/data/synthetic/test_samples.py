import cv2

from training.data.synthetic import samples
from training.data.synthetic.samples import write_samples


def test_every_scene_gets_its_files_and_a_row_of_the_sheet(tmp_path, flashing, monkeypatch):
    monkeypatch.setattr(samples, "all_scenes", lambda: (flashing,))

    sheet = write_samples(tmp_path, n_per_scene=1)

    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "contact-sheet.png",
        "flashing-0.mp4",
    ]
    image = cv2.imread(str(sheet))
    assert image is not None
    assert image.std() > 10
