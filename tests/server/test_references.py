"""A reference says where a secret is; the secret itself is read late and never repeated."""

from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from appsentry_server.references import MissingReference, Reference, SecretReference

FIELD: TypeAdapter[Reference] = TypeAdapter(SecretReference)


def test_a_rotated_secret_is_picked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret"
    for secret in ("first", "second"):
        path.write_text(f"{secret}\r\n")
        monkeypatch.setenv("APPSENTRY_TEST_SECRET", secret)
        assert Reference(f"file:{path}").resolve() == secret
        assert Reference("env:APPSENTRY_TEST_SECRET").resolve() == secret


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingReference, match="the environment variable APPSENTRY_TEST_NOT_SET is not set"):
        Reference("env:APPSENTRY_TEST_NOT_SET").resolve()
    with pytest.raises(MissingReference, match="nothing cannot be read: No such file or directory"):
        Reference(f"file:{tmp_path / 'nothing'}").resolve()
    with pytest.raises(MissingReference, match="cannot be read: Is a directory"):
        Reference(f"file:{tmp_path}").resolve()
    with pytest.raises(MissingReference, match="cannot be read: embedded null"):
        Reference("file:a\0b").resolve()
    with pytest.raises(MissingReference, match="is longer than 65536 bytes"):
        Reference("file:/dev/zero").resolve()
    (tmp_path / "bytes").write_bytes(b"\xff")
    with pytest.raises(MissingReference, match="is not UTF-8 text"):
        Reference(f"file:{tmp_path / 'bytes'}").resolve()


@pytest.mark.parametrize("literal", ["hunter2", "vault:hunter2", "env:", "file:", ":hunter2", 5, None, ["hunter2"]])
def test_a_literal_is_refused_without_repeating_it(literal: object) -> None:
    with pytest.raises(ValidationError) as raised:
        FIELD.validate_python(literal)
    (error,) = raised.value.errors()
    assert error["msg"] == "Value error, expected a reference, env:NAME or file:PATH; a literal value is refused"


def test_a_relative_file_starts_at_the_directory_of_the_context(tmp_path: Path) -> None:
    context = {"directory": tmp_path}
    assert FIELD.validate_python("file:key", context=context) == f"file:{tmp_path / 'key'}"
    assert FIELD.validate_python("file:/etc/key", context=context) == "file:/etc/key"
    assert FIELD.validate_python("env:KEY", context=context) == "env:KEY"
