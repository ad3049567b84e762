#!/usr/bin/env python3
"""Holds what the compiler does not: the arrows between modules, purity, and a fault of the compiler that must not be met.

    hack/check-sources.py             check Sources (and Benchmarks, for the compiler's fault)
    hack/check-sources.py --self-test check that the checks notice what they are for

- What a module imports is what Package.swift gives it, and everything that Package.swift gives it is imported.
- The pure modules (PURE below) import nothing that reaches outside, read no clock and draw no random number of their own.
- No tuple is the child result of a task group, the element of a stream or the value of a continuation or task: under -O,
  Swift 6.3.1 copies such a tuple wrongly and the process crashes (hack/compiler-fault.sh tells when that is over).
- No closure is what a Mutex guards: each `withLock` puts two more functions around it, so that memory and the cost of every later call
  grow without bound, up to the end of the stack. In a struct it is safe.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Decisions are made in these: time, observations and randomness come in as values.
PURE = {
    "JSON", "KubernetesModel", "KubernetesSchema", "YAML", "CEL", "SluiceAPI", "SluiceLint", "AdmissionWebhook",
    "PipelineEngine", "GangQueue", "Queueing", "CronSchedule", "Simulator", "RunDisplay",
}
# What comes with the toolchain and with the system.
SYSTEM = {"Swift", "FoundationEssentials", "Synchronization", "Dispatch", "Glibc", "Musl", "Darwin"}
PURE_SYSTEM = {"Swift", "FoundationEssentials"}

IMPORT = re.compile(
    r"^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:public |package |internal |private |fileprivate )?import"
    r"(?: (?:struct|class|enum|protocol|func|var|let|typealias))? (\w+)",
    re.MULTILINE,
)
OUTSIDE = re.compile(
    r"\b(?:ContinuousClock|SuspendingClock|SystemClock|SystemRandomNumberGenerator|clock_gettime|gettimeofday|Date\.now"
    r"|Task\.sleep|URLSession|FileManager|ProcessInfo|getenv)\b|\b(?:Date|UUID)\(\)|\.random\(in: [^,()]*\)|\.(?:shuffled|randomElement)\(\)"
)
TUPLES = [
    (re.compile(r"with(?:Throwing)?(?:Discarding)?TaskGroup\(\s*of:\s*\("), "the child result of a task group"),
    (re.compile(r"with(?:Throwing)?TaskGroup\s*(?:\(\s*(?:isolation:[^)]*)?\))?\s*\{"), "the child result of a task group, for what the code shows: write `of:`"),
    (re.compile(r"\b(?:Throwing)?TaskGroup<\s*\("), "the child result of a task group"),
    (re.compile(r"\bAsync(?:Throwing)?Stream<\s*\("), "the element of a stream"),
    (re.compile(r"\bmakeStream\(\s*of:\s*\((?!\))"), "the element of a stream"),
    (re.compile(r"\b(?:Checked|Unsafe)Continuation<\s*\((?!\))"), "the value of a continuation"),
    (re.compile(r"\bTask(?:\.detached)?<\s*\((?!\))"), "the value of a task"),
    (re.compile(r"\basync let\s*\("), "the value of a task"),
]
CLOSURES = [
    re.compile(r"\b(?:Mutex|Locked)<\s*(?:\(\s*)?(?:@\w+\s+)*\([^<>{}]*\)\s*(?:async\s+)?(?:throws(?:\([^)]*\))?\s+)?->"),
    re.compile(r"\b(?:Mutex|Locked)\s*(?:<[^<>]*->[^<>]*>)?\s*(?:\(\s*)?\{"),
]


def without_comments(text):
    """The text with comments and string literals blanked, and every line in its place."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|"""(?:\\.|.)*?"""|"(?:\\.|[^"\\\n])*"', re.DOTALL)
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def problems_of_text(text, module):
    """What is wrong with one file of a module, as pairs of line and sentence."""
    code = without_comments(text)
    found = []
    for pattern, what in TUPLES:
        for match in pattern.finditer(code):
            found.append(
                (line_of(code, match.start()), f"expected a struct as {what}: a tuple is miscompiled under -O "
                 "(hack/compiler-fault.sh)")
            )
    for pattern in CLOSURES:
        for match in pattern.finditer(code):
            found.append(
                (line_of(code, match.start()), "expected a struct with the closure in it: each withLock of a Mutex wraps a bare one "
                 "twice more, without end")
            )
    if module in PURE:
        for match in OUTSIDE.finditer(code):
            found.append(
                (line_of(code, match.start()), f"{module} is pure: expected a value that is passed in, not "
                 f"`{match.group().strip()}`")
            )
    return found


def imports_of_text(text):
    code = without_comments(text)
    return {match.group(1): line_of(code, match.start(1)) for match in IMPORT.finditer(code)}


def package():
    """The dependencies of each target of Sources, by name."""
    dump = subprocess.run(["swift", "package", "dump-package"], cwd=ROOT, check=True, capture_output=True, text=True)
    targets = {}
    for target in json.loads(dump.stdout)["targets"]:
        if target["type"] == "test":
            continue
        names = set()
        for dependency in target["dependencies"]:
            (kind,) = dependency.keys() - {"condition"}
            names.add(dependency[kind][0])
        targets[target["name"]] = names
    return targets


def check():
    failures = []
    targets = package()
    for module, allowed in sorted(targets.items()):
        directory = ROOT / "Sources" / module
        used = set()
        for path in sorted(directory.rglob("*.swift")):
            text = path.read_text()
            name = path.relative_to(ROOT)
            failures += [f"{name}:{line}: {what}" for line, what in problems_of_text(text, module)]
            for imported, line in imports_of_text(text).items():
                used.add(imported)
                if imported not in allowed | SYSTEM:
                    failures.append(f"{name}:{line}: {module} imports {imported}, which Package.swift does not give it")
                elif module in PURE and imported in SYSTEM - PURE_SYSTEM:
                    failures.append(f"{name}:{line}: {module} is pure and may not import {imported}")
        if any(directory.rglob("*.swift")):
            for unused in sorted(allowed - used):
                failures.append(f"Package.swift: {module} depends on {unused}, which none of its files imports")
    for path in sorted((ROOT / "Benchmarks").glob("Sources/**/*.swift")):
        failures += [f"{path.relative_to(ROOT)}:{line}: {what}" for line, what in problems_of_text(path.read_text(), None)]
    for directory in sorted((ROOT / "Sources").iterdir()):
        if directory.name not in targets:
            failures.append(f"Sources/{directory.name}: Package.swift has no such target")
    for failure in failures:
        print(failure, file=sys.stderr)
    files = sum(1 for _ in (ROOT / "Sources").rglob("*.swift"))
    if failures:
        sys.exit(f"check-sources: {len(failures)} problems in {files} files")
    print(f"check-sources: {len(targets)} modules, {files} files: arrows, purity and results of tasks as they must be")


def self_test():
    wrong = [
        "await withTaskGroup(of: (String, Bool).self) { group in }",
        "await withTaskGroup(\n    of: (isMain: Bool, error: (any Error)?).self\n) { group in }",
        "await withThrowingTaskGroup { group in }",
        "let inbox: AsyncStream<(Int, String)>",
        "AsyncThrowingStream.makeStream(of: (Int, String).self)",
        "func wait(_ continuation: CheckedContinuation<(Int, String)?, Never>)",
        "async let (left, right) = both()",
        "let task: Task<(Int, String), Never>",
        "private let mayWork = Mutex<@Sendable () -> Bool>({ true })",
        "private let wake = Mutex<(@Sendable (ObjectKey) -> Void)?>(nil)",
        "let read = Mutex<(Int) async throws -> Void>(f)",
        "let onFailure = Mutex { _ in }",
    ]
    right = [
        "await withTaskGroup(of: Void.self) { group in }",
        "await withThrowingTaskGroup(of: Success?.self) { group in }",
        "let inbox: AsyncStream<Message>",
        "AsyncStream.makeStream(of: Void.self)",
        "// withTaskGroup(of: (String, Bool).self)",
        'print("async let (a, b)")',
        "private let mayWork = Mutex(Condition { true })",
        "private let last = Mutex<(identity: Int, bytes: [UInt8])?>(nil)",
        "private let state = Mutex<[ObjectKey: ActiveRun]>([:])",
    ]
    impure = [
        "let now = Date()", "try await Task.sleep(for: .seconds(1))", "let x = Int.random(in: 0..<4)",
        "let y = values.shuffled()", "let clock = ContinuousClock()",
    ]
    pure = ["let x = Int.random(in: 0..<4, using: &generator)", "let y = values.shuffled(using: &generator)"]
    for text in wrong:
        assert problems_of_text(text, "sluice"), f"not noticed: {text}"
    for text in right:
        assert not problems_of_text(text, "sluice"), f"refused: {text}"
    for text in impure:
        assert problems_of_text(text, "PipelineEngine"), f"not noticed: {text}"
        assert not problems_of_text(text, "sluice"), f"refused outside the pure modules: {text}"
    for text in pure:
        assert not problems_of_text(text, "PipelineEngine"), f"refused: {text}"
    assert imports_of_text("public import JSON\n@testable import A\nimport struct B.C\n// import D\n").keys() == {"JSON", "A", "B"}


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--self-test"]):
        sys.exit("check-sources: expected --self-test or nothing")
    self_test()
    if not sys.argv[1:]:
        check()
