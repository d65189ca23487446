"""Modules of the user's own that only the notebook finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs_jupyter import job
from tests.notebook.conftest import Kernel

pytestmark = pytest.mark.notebook


def test_a_module_of_the_notebooks_path_is_to_be_passed(kernel: Kernel, tmp_path: Path) -> None:
    lib, here = tmp_path / "lib", tmp_path / "here"
    (lib / "jj_package").mkdir(parents=True)
    (lib / "jj_utils.py").write_text("class Model: size = 7\ndef make(): return Model()\n")
    (lib / "jj_package" / "__init__.py").write_text("import os\n")
    (lib / "jj_more.py").write_text("import jj_utils\ntry:\n    import jj_none\nexcept ImportError: pass\n")
    (lib / "jj_package" / "deep.py").write_text("class Deep: size = 8\n")
    (here / "jj_neighbour.py").write_text("class Near: size = 9\n")
    kernel(f"import sys\nsys.path.append({str(lib)!r})\nimport jj_utils, jj_neighbour, jj_package.deep\n"
           "model, near = jj_utils.Model(), jj_neighbour.Near()\n"
           "many = [{'a': jj_package.deep.Deep()}]")  # fmt: skip
    error = kernel("%%job -i model\nprint(model.size)").error
    assert "jj_utils.Model, which the input 'model' needs, is in" in error
    assert error.endswith("Pass it along with --py-module ../lib/jj_utils.py")
    assert "--py-module ../lib/jj_package" in kernel("%%job -i many\nmany").error
    both = kernel("%%job -i many,model\n1").error
    assert "--py-module ../lib/jj_package --py-module ../lib/jj_utils.py" in both
    assert "jj_utils, which the cell imports, is in" in kernel("%%job\nimport jj_utils").error
    assert "--py-module" in kernel("%%job\nfrom jj_package.deep import Deep").error
    assert "--py-module jj_neighbour.py" in kernel("%%job -i near -w none\n1").error
    more = kernel("%%job --py-module ../lib/jj_more.py\nimport jj_more").error
    assert "jj_utils, which jj_more imports, is in" in more
    assert more.endswith("along with --py-module ../lib/jj_utils.py")
    assert list(job.list()) == []
    options = "--py-module ../lib/jj_utils.py --py-module ../lib/jj_package"
    passed = kernel(f"%%job -i model,many,near {options} --wait\n"
                    "import numpy, jj_utils\nprint(model.size, many[0]['a'].size, near.size)")  # fmt: skip
    assert passed.error == ""
    assert "7 8 9\n" in passed.text
    for cell in (
        f"import sys\nsys.path.append({str(lib)!r})\nimport jj_utils",
        "try:\n    import jj_utils\nexcept ImportError: pass",
    ):
        assert kernel(f"%%job --wait\n{cell}").error == ""


def test_names_of_the_notebook_in_pickles(kernel: Kernel) -> None:
    kernel("import functools\n@functools.lru_cache\ndef cached(n): return n")
    assert "refers to 'cached' by name" in kernel("%%job -i cached\ncached(1)").error
    assert list(job.list()) == []
    source = (
        "import functools\nclass Model:\n    @functools.cache\n    def size(self): return 1\nmodel = Model()"
    )
    failed = kernel(f"%%job results -o model --wait\n{source}")
    assert "refers to 'Model.size' by name, which only the job has" in failed.error
