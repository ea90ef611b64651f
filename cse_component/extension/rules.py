"""What must hold between arguments, or between an argument and the machine: a table of rules, walked by `check`.

What a single value must look like is in values.py. Each row names its source: W is the Windows page of Azure's
documentation, L the Linux one, FW Azure's page on extension features, CSL the Linux handler's code, ARM the resource
manager, and "ours" a promise of this package.

The newest Linux handlers (2.1.17 to 2.1.19) drop the result of their own checks and report success for settings that
run nothing (CSL main/handlersettings.go, commit 1277f80): for half of these rows there is no later check.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cse_component.errors import Path, Problem

from .arguments import Arguments, ManagedIdentity, Script
from .command_line import argument_problems, unfit_name
from .handlers import HANDLERS, Handler, OsType
from .leaf import Leaf
from .scripts import RunnableScript, downloads, last_part, spoken_os, suffix
from .urls import FileUrl, faults, parse
from .values import select, wrong_values


@dataclass(frozen=True)
class Facts:
    """What the rules look at.

    final: False while Outputs are still to come; what is unknown then is no mistake yet.
    """

    arguments: Arguments
    handler: Handler
    scripts: list[RunnableScript]
    final: bool

    @property
    def os_type(self) -> OsType:
        return self.handler.os_type

    @property
    def os_is_clear(self) -> bool:
        """Whether the system was given, or the scripts do not contradict each other about it."""
        return self.arguments.os_type is not None or not self.scripts or len(spoken_os(self.arguments)) < 2

    @property
    def identity(self) -> ManagedIdentity | None:
        given = self.arguments.managed_identity
        return given if isinstance(given, ManagedIdentity) else None

    @property
    def known_command(self) -> str | None:
        command = self.arguments.command_to_execute
        return command.value if command is not None and command.known else None

    @property
    def urls(self) -> Iterator[tuple[Path, Leaf[str]]]:
        """Every URL as given, good or bad, with the argument it stands in."""
        for index, entry in enumerate(self.arguments.known_scripts):
            if isinstance(entry, Script) and entry.uri is not None:
                yield ("scripts", index, "uri"), entry.uri
        for index, leaf in enumerate(self.arguments.known_file_uris):
            yield ("file_uris", index), leaf

    @property
    def known_urls(self) -> Iterator[tuple[Path, FileUrl]]:
        """Every URL that is known, and good."""
        for field, leaf in self.urls:
            url = parse(leaf.of()) if leaf.known else None
            if url:
                yield field, url


Findings = Iterator[Problem]


@dataclass(frozen=True)
class Rule:
    """One rule between arguments.

    find: yields what breaks it.
    refuses: a broken rule refuses the component; otherwise it is a warning.
    """

    find: Callable[[Facts], Findings]
    source: str
    refuses: bool = True

    @property
    def name(self) -> str:
        return self.find.__name__


def exactly_one_way_to_say_what_runs(facts: Facts) -> Findings:
    command, scripts = facts.arguments.command_to_execute, facts.arguments.scripts
    if command is not None and scripts is not None:
        yield Problem(
            ("command_to_execute",), "is given beside scripts, and a handler runs one thing", "Leave one of them out."
        )
    if command is None and scripts is None:
        yield Problem((), "nothing is given to run", "Give scripts, or command_to_execute.")
    if scripts == []:
        yield Problem(("scripts",), "is empty", "List at least one script, or leave the component out.")


def scripts_are_known_in_shape(facts: Facts) -> Findings:
    if not facts.final:
        return
    reason = "is not known at preview, and what runs on the machine depends on it"
    if isinstance(facts.arguments.scripts, Leaf):
        yield Problem(("scripts",), reason, "Write the list itself, and put Outputs inside its entries.")
    for index, entry in enumerate(facts.arguments.known_scripts):
        if isinstance(entry, Leaf):
            yield Problem(("scripts", index), reason, "Write the entry itself, and put Outputs inside it.")


def each_script_has_one_source(facts: Facts) -> Findings:
    for index, entry in enumerate(facts.arguments.known_scripts):
        if isinstance(entry, Script):
            given = [name for name in ("path", "content", "uri") if getattr(entry, name) is not None]
            if not given:
                yield Problem(("scripts", index), "has no source", "Give one of path, content and uri.")
            elif len(given) > 1:
                yield Problem(("scripts", index), f"has {' and '.join(given)}", "Give one of path, content and uri.")


def urls_can_be_downloaded(facts: Facts) -> Findings:
    for field, leaf in facts.urls:
        if leaf.known:
            for fault in faults(leaf.of()):
                yield Problem(field, fault.reason, fault.mend)


def script_names_are_file_names(facts: Facts) -> Findings:
    for script in facts.scripts:
        if script.url is None and script.name.known:
            reason = unfit_name(script.name.value, facts.os_type)
            if reason:
                field = "path" if script.entry.name is None else "name"
                mend = f"Give a plain file name for {facts.os_type.value}, as name."
                yield Problem(("scripts", script.index, field), reason, mend)
        elif script.url is not None and script.path.known:
            # Every folder too: all of the path stands on the command line.
            parts = script.path.value.split("/")
            reason = next((reason for part in parts if (reason := unfit_name(part, facts.os_type))), None)
            if reason and "%" not in script.path.value:  # an escape has a rule, and words, of its own
                mend = "Rename the file, or its folder, to letters, digits and . _ - only."
                yield Problem(("scripts", script.index, "uri"), reason, mend)


def scripts_suit_the_machine(facts: Facts) -> Findings:
    if not facts.os_is_clear:
        return
    for script in facts.scripts:
        if not script.name.known:
            continue
        field: Path = ("scripts", script.index, _name_field(script))
        kind = suffix(script.name.value)
        if script.interpreter(facts.handler) is None:
            if kind in (".sh", ".bash"):
                yield Problem(field, "is a shell script, and the machine runs Windows", "Give os_type 'Linux'.")
            else:
                runs = ", ".join(facts.handler.interpreters)
                yield Problem(
                    field,
                    f"is of a kind that Windows cannot be told to run here (it runs {runs})",
                    "Give it a name with such a suffix, or start it with command_to_execute; if the machine runs Linux, "
                    "give os_type 'Linux'.",
                )
        elif facts.os_type is OsType.LINUX and kind in (".cmd", ".bat"):
            yield Problem(field, "is a batch file, and the machine runs Linux", "Give os_type 'Windows'.")


def batch_files_have_plain_names(facts: Facts) -> Findings:
    for script in facts.scripts:
        interpreter = script.interpreter(facts.handler) if script.path.known else None
        if interpreter and interpreter.plain_words and not re.fullmatch(r"[\w.:/\\@+-]+", script.path.value, re.ASCII):
            yield Problem(
                ("scripts", script.index, _name_field(script)),
                "holds a character that cmd.exe reads differently in the name of a batch file",
                "Name it with letters, digits and . _ - only.",
            )


def script_arguments_arrive(facts: Facts) -> Findings:
    yield from argument_problems(facts.scripts, facts.handler)


def the_operating_system_is_clear(facts: Facts) -> Findings:
    if not facts.os_is_clear:
        yield Problem(
            ("os_type",),
            "is not given, and the scripts' names speak for Windows and for Linux",
            "Give os_type 'Windows' or 'Linux'.",
        )


def the_command_suits_the_machine(facts: Facts) -> Findings:
    command = facts.known_command
    if command is None:
        return
    other = OsType.LINUX if facts.os_type is OsType.WINDOWS else OsType.WINDOWS
    if _SPEAKS_FOR[other].match(command.strip()):
        yield Problem(
            ("command_to_execute",),
            f"starts like a command of {other.value}, and the machine runs {facts.os_type.value}",
            f"Give os_type '{other.value}', or start the command with an executable of {facts.os_type.value}.",
        )


_SPEAKS_FOR = {
    OsType.LINUX: re.compile(
        r"(sudo|bash|sh|apt|apt-get|yum|dnf|zypper|chmod|systemctl)\s|\./|/(bin|usr|opt|etc|tmp)/"
    ),
    OsType.WINDOWS: re.compile(r"(?i)(powershell|cmd|msiexec|cscript|wscript)(\.exe)?\s|\.\\|[a-z]:\\|\\\\"),
}


def commands_for_cmd_are_one_line(facts: Facts) -> Findings:
    if facts.os_type is OsType.WINDOWS and re.search(r"[\r\n]", (facts.known_command or "").strip()):
        yield Problem(
            ("command_to_execute",), "holds a newline, where cmd.exe stops reading", "Join the lines with &&."
        )


def arguments_belong_to_the_machine(facts: Facts) -> Findings:
    for other in HANDLERS.values():
        for name in sorted(other.arguments - facts.handler.arguments):
            if getattr(facts.arguments, name) is not None:
                yield Problem(
                    (name,), f"is known to the {other.os_type.value} handler only", "Leave it out on this machine."
                )


def what_lands_on_the_machine_has_its_own_name(facts: Facts) -> Findings:
    field: Path
    places: dict[str, list[Path]] = defaultdict(list)
    fold = str.casefold if facts.os_type is OsType.WINDOWS else str
    for script in facts.scripts:
        if script.path.known:
            field = ("scripts", script.index, "uri" if script.url else _name_field(script))
            places[fold(script.path.value)].append(field)
    for field, url in facts.known_urls:
        if field[0] == "file_uris":
            places[fold(url.local_path(facts.os_type))].append(field)
    for fields in places.values():
        for field in fields[1:]:
            kept = "" if facts.os_type is OsType.WINDOWS else " (the Linux handler drops folders)"
            yield Problem(
                field,
                f"lands on the machine under the same name as an earlier file{kept}, and would replace it",
                "Give the files different names.",
            )


def downloaded_scripts_keep_their_name(facts: Facts) -> Findings:
    for script in facts.scripts:
        name = script.entry.name
        if script.url is not None and name is not None and name.known and script.name.known:
            if last_part(name.of()) != script.name.value:
                yield Problem(
                    ("scripts", script.index, "name"),
                    "differs from the file's name in the URL, and a handler cannot rename what it downloads",
                    "Write the last part of the URL, or leave name out.",
                )


def downloaded_scripts_have_a_certain_name(facts: Facts) -> Findings:
    for script in facts.scripts:
        if script.url is not None and script.path.known and facts.os_type is OsType.WINDOWS:
            if "%" in script.path.value:
                yield Problem(
                    ("scripts", script.index, "uri"),
                    "holds a percent escape, and under which name the Windows handler saves it is not certain",
                    "Rename the file to letters, digits and . _ - only.",
                )


def pinned_hashes_belong_to_urls(facts: Facts) -> Findings:
    for index, entry in enumerate(facts.arguments.known_scripts):
        if isinstance(entry, Script) and entry.sha256 is not None and entry.uri is None:
            yield Problem(("scripts", index, "sha256"), "is for a uri", "Leave it out: the text itself is hashed.")


def a_given_timestamp_stands_alone(facts: Facts) -> Findings:
    if facts.arguments.timestamp is None:
        return
    mend = "Leave timestamp out: it follows them by itself."
    if facts.arguments.triggers:
        yield Problem(("triggers",), "have no effect beside timestamp, which is sent as it is", mend)
    for field, _ in select(facts.arguments, "scripts[].sha256"):
        yield Problem(field, "runs nothing again when it changes, beside a timestamp that is sent as it is", mend)


def identities_are_named_once(facts: Facts) -> Findings:
    if facts.identity and facts.identity.client_id is not None and facts.identity.object_id is not None:
        yield Problem(("managed_identity",), "has client_id and object_id", "Give one of them.")


def one_way_to_read_blobs(facts: Facts) -> Findings:
    given = facts.arguments
    for name in ("storage_account_name", "storage_account_key"):
        if given.managed_identity is not None and getattr(given, name) is not None:
            yield Problem(
                (name,), "is given beside managed_identity, which a handler refuses", "Leave one of them out."
            )


def storage_name_and_key_come_together(facts: Facts) -> Findings:
    name, key = facts.arguments.storage_account_name, facts.arguments.storage_account_key
    if (name is None) != (key is None):
        missing, other = ("storage_account_name", "key") if name is None else ("storage_account_key", "name")
        yield Problem((missing,), f"is missing beside the account's {other}", "Give both, or neither.")


def keys_read_blobs_only(facts: Facts) -> Findings:
    if facts.arguments.storage_account_key is None:
        return
    for field, url in facts.known_urls:
        if not (url.reads_with_key and url.is_blob):
            yield Problem(
                field,
                "is no blob's URL, and with a storage account key every URL must be one",
                "Write https://<account>.blob.<cloud>/<container>/<blob>, or leave the key out.",
            )


def identities_need_a_recent_handler(facts: Facts) -> Findings:
    version = facts.arguments.type_handler_version
    if facts.os_type is OsType.LINUX or facts.arguments.managed_identity is None or not (version and version.known):
        return
    if re.fullmatch(r"\d+\.\d+", version.of()) and tuple(map(int, version.of().split("."))) < (1, 10):
        yield Problem(("type_handler_version",), "knows no managed_identity", "Write '1.10', or leave it out.")


def public_settings_hold_no_secret(facts: Facts) -> Findings:
    given = facts.arguments
    for name in ("timestamp", "skip_dos2unix"):
        leaf = getattr(given, name)
        if leaf is not None and leaf.secret:
            yield Problem((name,), "is secret, and a handler reads it from public settings only", "Give a plain value.")
    if not given.public_command:
        return
    where: list[tuple[Path, Leaf[object]]] = [*select(given, "command_to_execute")]
    for part in ("path", "name", "content", "uri", "arguments", "arguments[]"):
        where += select(given, f"scripts[].{part}")
    for field, leaf in where:
        if leaf.secret:
            mend = "Leave public_command out: the command then travels protected."
            yield Problem(field, "is secret, and public_command is True", mend)


def triggers_hold_no_secret(facts: Facts) -> Findings:
    triggers = facts.arguments.triggers
    if isinstance(triggers, Leaf):
        if triggers.secret:
            yield Problem(("triggers",), "is secret, and triggers enter a public hash", _SECRETS_RERUN)
        return
    for key, leaf in (triggers or {}).items():
        if leaf.secret:
            yield Problem(("triggers", key), "is secret, and triggers enter a public hash", _SECRETS_RERUN)


_SECRETS_RERUN = "Leave it out: a changed secret among the script's arguments re-runs by itself."


def pinned_hashes_hold_no_secret(facts: Facts) -> Findings:
    for field, leaf in select(facts.arguments, "scripts[].sha256"):
        if leaf.secret:
            yield Problem(field, "is secret, and a pinned hash is public", "Give it as a plain value.")


def protected_settings_have_one_origin(facts: Facts) -> Findings:
    given = facts.arguments
    if given.protected_settings_from_key_vault is None:
        return
    protected = [
        name
        for name in ("managed_identity", "storage_account_name", "storage_account_key")
        if getattr(given, name) is not None
    ]
    if not given.public_command:
        protected.append("scripts" if given.command_to_execute is None else "command_to_execute")
    if any(leaf.secret for _, leaf in facts.urls) or any(url.has_token for _, url in facts.known_urls):
        protected.append("file_uris")
    if protected:
        yield Problem(
            ("protected_settings_from_key_vault",),
            f"stands in for protectedSettings, and {', '.join(protected)} would go there too",
            "Put all of protectedSettings into the vault's secret, or leave it out. public_command moves the command.",
        )


def files_are_read_over_https(facts: Facts) -> Findings:
    for field, leaf in facts.urls:
        if leaf.known and leaf.of().lower().startswith("http://"):
            yield Problem(field, "is read over plain http: anyone on the way can change it", "Write https.")


def identities_are_used(facts: Facts) -> Findings:
    if facts.arguments.managed_identity is None:
        return
    leaves = downloads(facts.arguments, facts.scripts)
    if not leaves and not isinstance(facts.arguments.file_uris, Leaf):
        yield Problem(("managed_identity",), "is given, and nothing is downloaded with it", "Leave it out.")
    for field, url in facts.known_urls:
        if not url.reads_with_identity:
            yield Problem(
                field,
                "is not a host for which the handler asks for an identity: it is read anonymously",
                "Write the blob's own address, <account>.blob.core.windows.net.",
            )
        elif url.has_signature and facts.os_type is OsType.WINDOWS:
            yield Problem(
                field,
                "carries a SAS token beside managed_identity, which has failed on Windows (microsoft/onefuzz#2919)",
                "Leave one of them out.",
            )


def keys_belong_to_the_account(facts: Facts) -> Findings:
    name = facts.arguments.storage_account_name
    if name is None or not name.readable or facts.arguments.storage_account_key is None:
        return
    for field, url in facts.known_urls:
        if url.reads_with_key and url.host.split(".")[0] != name.of():
            yield Problem(
                field,
                "is in another account than storage_account_name: the handler signs every URL for that one",
                "Name the account of the URLs.",
            )


def commands_find_their_files(facts: Facts) -> Findings:
    command = (facts.known_command or "").replace("\\", "/")
    for field, url in facts.known_urls:
        path = url.local_path(facts.os_type)
        with_folder = "/".join(url.parts.path.split("/")[-2:])
        if "/" in path and last_part(path) in command and path not in command:
            yield Problem(
                field,
                "keeps its folders below the container on the machine, and the command names the file alone",
                "Write the path with its folders, as in -File .\\folder\\script.ps1.",
            )
        elif (
            "/" not in path
            and not with_folder.startswith("/")
            and re.search(rf"(^|[\s'\"./]){re.escape(with_folder)}", command)
        ):
            yield Problem(
                field,
                "lands on the machine without its folder, and the command names it with one",
                "Write the file's name alone: folders are kept for blobs on Windows only.",
            )


def failures_are_seen(facts: Facts) -> Findings:
    leaf = facts.arguments.suppress_failures
    if leaf is not None and leaf.value is True:
        yield Problem(("suppress_failures",), "makes a failed script look like a success", "Leave it out.")


def force_update_tags_differ(facts: Facts) -> Findings:
    leaf = facts.arguments.force_update_tag
    if leaf is not None and leaf.readable and leaf.of().strip().lower() == "true":
        yield Problem(
            ("force_update_tag",),
            "is 'true', which forces one run and no further: only a tag that differs has an effect",
            "Write a value that changes, or leave it out: a changed script re-runs by itself.",
        )


def upgrades_may_run_scripts_again(facts: Facts) -> Findings:
    leaf = facts.arguments.enable_automatic_upgrade
    if leaf is not None and leaf.value is True:
        yield Problem(
            ("enable_automatic_upgrade",), "reinstalls the handler at any time, and may run the scripts again",
            "Leave it out, or write scripts that may run twice.",
        )  # fmt: skip


RULES = (
    Rule(exactly_one_way_to_say_what_runs, "CSL validate(), codes 23 and 29; W: commandToExecute is required"),
    Rule(scripts_are_known_in_shape, "ours: nothing that decides the shape is guessed"),
    Rule(each_script_has_one_source, "ours: a script comes from one place"),
    Rule(urls_can_be_downloaded, "CSL main/files.go: cannot extract file name from URL; main/schema.go: format uri"),
    Rule(script_names_are_file_names, "ours: a script keeps its own name on the machine"),
    Rule(scripts_suit_the_machine, "ARM: handler error 1007 on the wrong platform"),
    Rule(batch_files_have_plain_names, "cmd.exe /c and its quotes"),
    Rule(script_arguments_arrive, "ours: arguments arrive exactly, or are refused"),
    Rule(the_operating_system_is_clear, "ours: the system is inferred only where names agree"),
    Rule(the_command_suits_the_machine, "W, L: each handler runs its own system's shell"),
    Rule(commands_for_cmd_are_one_line, "W: the command runs through cmd.exe"),
    Rule(arguments_belong_to_the_machine, "W property table; CSL main/schema.go: additionalProperties false"),
    Rule(what_lands_on_the_machine_has_its_own_name, "CSL save.go: O_TRUNC; W: folders are kept for blobs only"),
    Rule(downloaded_scripts_keep_their_name, "no setting chooses the local name (azure-resource-manager-schemas#1052)"),
    Rule(downloaded_scripts_have_a_certain_name, "FW: a file with %20 is not found by its decoded name"),
    Rule(pinned_hashes_belong_to_urls, "ours: the hash of a text is taken from the text"),
    Rule(a_given_timestamp_stands_alone, "ours: what is given to run a script again does so"),
    Rule(identities_are_named_once, "CSL validate(), code 27"),
    Rule(one_way_to_read_blobs, "W; CSL validate(), code 26"),
    Rule(storage_name_and_key_come_together, "CSL validate(), code 30"),
    Rule(keys_read_blobs_only, "W: all fileUris must be Azure blob URLs; CSL pkg/blobutil/url.go"),
    Rule(identities_need_a_recent_handler, "W: versions 1.10 and later"),
    Rule(public_settings_hold_no_secret, "ours: no secret in public settings"),
    Rule(triggers_hold_no_secret, "ours: no secret in a public hash"),
    Rule(pinned_hashes_hold_no_secret, "ours: no secret in a public hash"),
    Rule(protected_settings_have_one_origin, "ARM: exclusive with protectedSettings"),
    Rule(files_are_read_over_https, "ours: what runs as root cannot be changed on its way", refuses=False),
    Rule(identities_are_used, "CSL pkg/download/blobwithmsitoken.go; microsoft/onefuzz#2919", refuses=False),
    Rule(keys_belong_to_the_account, "CSL blob.go: the account named is used, not the URL's", refuses=False),
    Rule(commands_find_their_files, "W: path below the container is kept; azure-docs#18943", refuses=False),
    Rule(failures_are_seen, "ARM suppressFailures", refuses=False),
    Rule(force_update_tags_differ, "ARM; azure-docs#51831", refuses=False),
    Rule(upgrades_may_run_scripts_again, "Automatic Extension Upgrade: remove and reinstall", refuses=False),
)


def check(facts: Facts) -> tuple[list[Problem], list[Problem]]:
    """All problems and all warnings of one component."""
    problems = wrong_values(facts.arguments)
    warnings: list[Problem] = []
    for rule in RULES:
        (problems if rule.refuses else warnings).extend(rule.find(facts))
    return problems, warnings


def _name_field(script: RunnableScript) -> str:
    if script.entry.name is not None:
        return "name"
    return "uri" if script.url is not None else "path" if script.entry.path is not None else "content"
