"""The rendered command does on a machine what it says: Linux in a real shell, Windows by the rules of its two readers."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cse_component.extension.command_line import quote, unfit, unfit_name
from cse_component.extension.handlers import HANDLERS, Interpreter, OsType
from tests.extension.given import compiled, refused, values

PRINT_ARGUMENTS = '#!/bin/sh\nfor argument in "$@"; do printf \'%s\\0\' "$argument"; done > arguments\n'


def run_on_linux(directory: Path, shell: str = "sh", **arguments: Any) -> subprocess.CompletedProcess[bytes]:
    """What the handler does: decode `script`, make it executable, run it in the download directory."""
    script = values(compiled(os_type="Linux", **arguments).protected_settings)["script"]
    file = directory / "script.sh"
    file.write_bytes(base64.b64decode(script))
    return subprocess.run([shell, str(file)], cwd=directory, capture_output=True, check=False)


@pytest.mark.parametrize("shell", [shell for shell in ("sh", "dash", "bash") if shutil.which(shell)])
def test_scripts_run_in_order_under_their_own_names(tmp_path: Path, shell: str) -> None:
    result = run_on_linux(
        tmp_path,
        shell,
        scripts=[
            {"name": "one.sh", "content": "echo $0 $1"},
            {"name": "two words.sh", "content": '#!/bin/sh\necho "$0"\n'},
            {"name": "-dash's.sh", "content": "echo three; cat two*"},
        ],
    )
    assert result.stdout.decode().split("\n")[:3] == ["./one.sh", "./two words.sh", "three"]
    assert (tmp_path / "two words.sh").read_text() == '#!/bin/sh\necho "$0"\n'
    assert result.returncode == 0


def test_the_first_failure_stops_and_its_exit_code_is_the_result(tmp_path: Path) -> None:
    scripts = [{"name": f"{code}.sh", "content": f"echo {code}; exit {code}"} for code in (0, 42, 7)]
    result = run_on_linux(tmp_path, scripts=scripts)
    assert (result.stdout, result.returncode) == (b"0\n42\n", 42)


def test_a_shebang_decides_and_a_suffix_otherwise(tmp_path: Path) -> None:
    python = shutil.which("python3")
    assert python
    result = run_on_linux(
        tmp_path,
        scripts=[
            {"name": "a.py", "content": "import sys; print(sys.argv)", "arguments": ["x y"]},
            {"name": "b", "content": f"#!{python}\nprint('by shebang')\n"},
        ],
    )
    assert result.stdout.decode() == "['./a.py', 'x y']\nby shebang\n"


@pytest.mark.parametrize(
    "content", ["cat <<'E'\nx\nE\n", "echo '$HOME `id` \\ \"'\n", "printf 'a\\n'\n# é ✓\n", "x='\n\n'"]
)
def test_the_file_on_the_machine_is_what_was_hashed(tmp_path: Path, content: str) -> None:
    result = compiled(os_type="Linux", scripts=[{"name": "a.sh", "content": content}])
    run_on_linux(tmp_path, scripts=[{"name": "a.sh", "content": content}])
    delivered = subprocess.run(["sha256sum", "a.sh"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert delivered.split()[0] == values(result.file_sha256)["a.sh"]


def test_a_script_cannot_end_its_own_delivery(tmp_path: Path) -> None:
    first = "echo 1\n"
    end = f"cse_{values(compiled(os_type='Linux', scripts=[{'content': first}]).file_sha256)['scripts[0]'][:8]}"
    content = f"{first}: <<'{end}'\n{end}\n"
    run_on_linux(tmp_path, scripts=[{"name": "a.sh", "content": content}])
    assert (tmp_path / "a.sh").read_text() == content


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=30), max_size=5))
def test_every_accepted_argument_arrives_on_linux(
    tmp_path_factory: pytest.TempPathFactory, arguments: list[str]
) -> None:
    directory = tmp_path_factory.mktemp("run")
    result = run_on_linux(directory, scripts=[{"name": "a.sh", "content": PRINT_ARGUMENTS, "arguments": arguments}])
    assert result.returncode == 0
    assert (directory / "arguments").read_bytes().decode().split("\x00")[:-1] == arguments


def words_of_cmd(line: str) -> list[str]:
    """`line` as cmd.exe splits it: && outside quotes, each quote toggling. Fails on what cmd.exe would take apart."""
    commands, quoted, start, index = [], False, 0, 0
    assert "%" not in line
    assert "\n" not in line
    while index < len(line):
        character = line[index]
        if character == '"':
            quoted = not quoted
        elif not quoted and line.startswith("&&", index):
            commands.append(line[start:index].strip())
            start = index = index + 2
            continue
        else:
            assert quoted or character not in "&|<>^()", f"{character} is bare at {index}"
        index += 1
    assert not quoted
    return [*commands, line[start:].strip()]


def arguments_of_windows(command: str) -> list[str]:
    """`command` as CommandLineToArgvW splits it."""
    found: list[str] = []
    current: str | None = None
    quoted, index = False, 0
    while index < len(command):
        slashes = len(command[index:]) - len(command[index:].lstrip("\\"))
        index += slashes
        character = command[index : index + 1]
        if character == '"':
            current = (current or "") + "\\" * (slashes // 2) + '"' * (slashes % 2)
            quoted ^= not slashes % 2
        elif character in (" ", "\t", "") and not quoted:
            if slashes or current is not None:
                found.append((current or "") + "\\" * slashes)
            current = None
        else:
            current = (current or "") + "\\" * slashes + character
        index += 1
    return found if current is None else [*found, current]


@settings(max_examples=400)
@given(
    st.lists(
        st.text(max_size=20) | st.sampled_from(["a b", "\\", "a b\\", "c:\\x y\\\\", "&|<>^()!;'`$", ""]), max_size=5
    )
)
def test_every_accepted_argument_arrives_on_windows(arguments: list[str]) -> None:
    handler = HANDLERS[OsType.WINDOWS]
    powershell = handler.interpreters[".ps1"]
    accepted = [argument for argument in arguments if not unfit(argument, powershell, OsType.WINDOWS)]
    words = " ".join(quote(argument, OsType.WINDOWS) for argument in accepted)
    (command,) = words_of_cmd(f"powershell -File .\\x.ps1 {words}")
    assert arguments_of_windows(command)[3:] == accepted


def test_the_windows_line_writes_each_script_and_runs_it() -> None:
    content = "Write-Host 'it''s é'\n"
    result = compiled(scripts=[{"name": "it's.ps1", "content": content}, {"name": "b.cmd", "content": "echo b"}])
    write, first, second = words_of_cmd(values(result.protected_settings)["commandToExecute"])
    assert arguments_of_windows(first)[-2:] == ["-File", ".\\it's.ps1"]
    assert second == "cmd /d /c .\\b.cmd"
    written = re.findall(r"w '((?:[^']|'')+)' '([A-Za-z0-9+/=]+)'", write)
    assert [(name.replace("''", "'"), base64.b64decode(data)) for name, data in written] == [
        ("it's.ps1", b"\xef\xbb\xbf" + content.encode()),
        ("b.cmd", b"echo b\r\n"),
    ]


@pytest.mark.parametrize("mark", ["'", "\u2018", "\u2019", "\u201a", "\u201b"])
def test_whatever_powershell_takes_for_a_single_quote_is_doubled_in_a_name(mark: str) -> None:
    """Its tokenizer ends a literal at any of five characters; two of them stand for one."""
    result = compiled(scripts=[{"name": f"it{mark}s.ps1", "content": "x"}])
    assert f";w 'it{mark}{mark}s.ps1' '" in values(result.protected_settings)["commandToExecute"]


def test_downloads_are_run_where_the_handler_saves_them() -> None:
    uri = "https://acct.blob.core.windows.net/c/my-folder/run.{}"
    assert values(compiled(scripts=[{"uri": uri.format("ps1")}]).command_line).endswith(r"-File .\my-folder\run.ps1")
    linux = compiled(scripts=[{"uri": uri.format("sh"), "arguments": ["a b"]}, {"uri": uri.format("py")}])
    assert values(linux.protected_settings) == {"commandToExecute": "./run.sh 'a b' && python3 ./run.py"}


def test_a_command_that_is_too_long_is_refused_with_size_limit_and_way_out() -> None:
    (problem,) = refused(scripts=[{"path": "install.ps1"}, {"path": "big.ps1"}])
    assert problem.field == ("scripts", 1)
    assert re.search(r"make 12,\d{3} characters of command line, and 8,191 is the limit", problem.reason)
    assert "uri" in problem.mend
    (problem,) = refused(scripts=[{"path": "huge.sh"}])
    assert re.search(r"make 348,\d{3} characters of base64, and 262,144 is the limit", problem.reason)
    (problem,) = refused(command_to_execute="x" * 8192)
    assert "8,192 characters of command line, and 8,191 is the limit" in problem.reason
    assert refused(command_to_execute="x" * 8191) == ()
    (problem,) = refused(command_to_execute="é" * 65536, os_type="Linux")
    assert "131,072 bytes of command line, and 131,071 is the limit" in problem.reason


def test_a_script_that_just_fits_compiles() -> None:
    sizes = [size for size in range(5800, 6000) if not refused(scripts=[{"name": "a.ps1", "content": "x" * size}])]
    longest = values(compiled(scripts=[{"name": "a.ps1", "content": "x" * sizes[-1]}]).protected_settings)
    assert 8185 <= len(longest["commandToExecute"]) <= 8191


@pytest.mark.parametrize("name", ["a.ps1", "é.ps1", "a b.ps1", "console.ps1", "it's.ps1"])
def test_ordinary_names_are_file_names_everywhere(name: str) -> None:
    assert [unfit_name(name, os_type) for os_type in OsType] == [None, None]


@given(st.text(max_size=10))
def test_whatever_is_accepted_as_a_name_can_be_a_file(name: str) -> None:
    if unfit_name(name, OsType.LINUX) is None:
        assert Path(name).name == name
        assert "\x00" not in name


def test_an_interpreter_of_plain_words_takes_no_others() -> None:
    batch = Interpreter("cmd /d /c", plain_words=True)
    assert unfit("a,b", batch, OsType.WINDOWS)
    assert unfit("", batch, OsType.WINDOWS)
    assert unfit("v1.2-rc+3", batch, OsType.WINDOWS) is None
