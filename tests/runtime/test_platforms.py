"""What POSIX alone has is taken away from a process, as Windows lacks it; the package works."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

WITHOUT = """
import errno, os, sys, warnings
warnings.filterwarnings("ignore", "only soft file lock")  # of filelock, which knows Windows itself
for name in ("O_NONBLOCK", "O_CLOEXEC", "O_NOFOLLOW", "O_DIRECTORY", "mkfifo", "getuid", "fork"):
    delattr(os, name)
sys.modules["fcntl"] = sys.modules["resource"] = sys.modules["pwd"] = None
opens = os.open

def opens_no_folder(path, flags, *rest, **named):
    if os.path.isdir(path):
        raise PermissionError(errno.EACCES, "a folder", os.fspath(path))
    return opens(path, flags, *rest, **named)

os.open = opens_no_folder
"""


def run_without(program: str, *words: str) -> str:
    command = [sys.executable, "-c", WITHOUT + program, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def images(tmp_path) -> Path:
    for index, name in enumerate(("a/1.png", "a/2.png", "b/c/1.png")):
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.full((8, 8, 3), index, np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / name)
    return tmp_path / "images"


def test_a_folder_of_images_is_read(images):
    program = """
from pathlib import Path
from ttur.data.images.archives import image_files
from ttur.data.images.ahead import read_pictures
files = image_files(Path(sys.argv[1]))
for entry, picture in read_pictures(files, files.entries):
    print(entry.path, picture.pixels.mean())
"""
    assert run_without(program, str(images)) == "a/1.png 0.0\na/2.png 1.0\nb/c/1.png 2.0\n"


def test_a_data_set_is_prepared_by_one_process_at_a_time(images):
    program = """
from pathlib import Path
from ttur.data import catalogue
from ttur.data.preparing.prepare import prepare
from ttur.runtime.progress import shown_to
source, data = Path(sys.argv[1]), Path(sys.argv[1]).parent / "data"

class Second:
    begin = end = lambda self, task: None
    def advance(self, task):
        try:
            prepare("images", [source], data, target_name="second")
        except BlockingIOError:
            print("refused")

with shown_to(Second()):
    prepare("images", [source], data, target_name="own")
print(catalogue.load("own", data).images.mean((1, 2, 3)).tolist())
assert not prepare("images", [source], data, target_name="own").fresh
"""
    assert run_without(program, str(images)) == "refused\n[0.0, 1.0, 2.0]\n"


def test_every_module_can_be_imported():
    program = """
import importlib, pkgutil, ttur
names = [module.name for module in pkgutil.walk_packages(ttur.__path__, "ttur.")]
for name in names:
    if not name.endswith(("__main__", "compat.torchmetrics")):  # that one needs its extra
        importlib.import_module(name)
print(len(names) > 100)
"""
    assert run_without(program) == "True\n"
