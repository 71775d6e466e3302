"""Names that a real store refuses cost only their own file. Emulators accept some of these names."""

from __future__ import annotations

from pathlib import Path

import fsspec
import pytest

from kubeque.files.batches import Copy
from kubeque.files.stores.object_names import check_object_name
from kubeque.files.stores.object_store import ObjectStore
from kubeque.model.errors import FileRefused

GOOD = ["a/b", "x" * 1024, "ä" * 512, ".hidden", "a/..b", "x.well-known/acme-challenge/y", "tab\t"]
BAD = {
    "gs": ["x" * 1025, "ä" * 513, "a\nb", "a\rb", ".", "..", ".well-known/acme-challenge/t", "\udce9"],
    "s3": ["x" * 1025, "ä" * 513, "\udce9"],
    "az": ["\udce9"],
}


@pytest.mark.parametrize("kind", BAD)
def test_names_that_a_store_refuses_are_refused_before_a_request(kind: str) -> None:
    for name in GOOD:
        check_object_name(f"{kind}://bucket/{name}")
    for name in BAD[kind]:
        with pytest.raises(FileRefused, match="cannot write"):
            check_object_name(f"{kind}://bucket/{name}")


@pytest.mark.parametrize("together", [True, False])
def test_a_refused_name_costs_only_its_own_file(tmp_path: Path, together: bool) -> None:
    (tmp_path / "file").write_text("content")
    store = ObjectStore(fsspec.filesystem("memory"), in_memory=True)
    root = f"gs://bucket-{together}"
    copies = [Copy(str(tmp_path / "file"), f"{root}/{name}", 7, "") for name in ("a", "b\n", "c")]
    errors = store.upload_together(copies, lambda size: None) if together else [None, None, None]
    if not together:
        store.upload(copies[0].path, copies[0].url, "", lambda size: None)
        with pytest.raises(FileRefused, match="no line break"):
            store.upload(copies[1].path, copies[1].url, "", lambda size: None)
        store.upload(copies[2].path, copies[2].url, "", lambda size: None)
    else:
        assert [type(error) for error in errors] == [type(None), FileRefused, type(None)]
    assert sorted(name for name, _ in store.listing(root)) == ["a", "c"]
