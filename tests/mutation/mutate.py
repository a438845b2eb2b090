# SPDX-License-Identifier: BSD-3-Clause
"""mutate.py - mutants of the core, each built alone and run against the tests. `make mutation`.

A mutant that does not compile, falls off the end of a function that returns something (which C
leaves undefined), or compiles to the very same code, is not counted. One that lets
every test pass survives; tests/mutation/equivalent names those that can't be told from the
original. Exit status: 0 unless something could not be run (99).
"""
import argparse
import collections
import concurrent.futures
import os
import random
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time

import mutants

CPU_SECONDS = 10  # for any one test; a tenth of that and SLOWER times what it takes without a mutant
SLOWER = 8
NO_VERDICT = (77, 99)  # skipped, could not be run
STUCK_SECONDS = 600  # of the clock: a test that has used no more than its share by then sleeps
LINK_SECONDS = 0.1  # what it takes to link a test, about
ADDRESS_SPACE = 4_000_000  # KiB


class Test:
    def __init__(self, name, objects, libraries, arguments):
        self.name, self.arguments = name, shlex.split(arguments)
        self.objects, self.libraries = objects.split(), libraries.split()
        self.seconds = 0.0
        self.members = set()  # the core's files that it is linked from

    def limit(self):
        return min(CPU_SECONDS, CPU_SECONDS / 10 + SLOWER * self.seconds)

    def program(self):
        return os.path.abspath(self.name)


class Plan:
    """What make tells: how to compile and link, and the tests."""

    def __init__(self, path):
        self.tests = []
        self.sanitized = False
        with open(path) as lines:
            for line in lines:
                key, *rest = line.rstrip("\n").split("\t")
                if key == "test":
                    self.tests.append(Test(*rest))
                elif key == "compile":
                    self.compile = shlex.split(rest[0])
                elif key == "link":
                    self.link = shlex.split(rest[0])
                    self.sanitized = "-fsanitize" in rest[0]


def run(command, seconds, folder, plan):
    """The exit status ("timeout" as well) and the processor time of a test in a folder.

    Only processor time counts, so a busy machine kills no mutant. The test stays in our process
    group: whoever stops that stops the test as well.
    """
    limits = "ulimit -c 0; ulimit -t %d; " % max(1, round(seconds + 0.5))
    if not plan.sanitized:
        limits += "ulimit -v %d; " % ADDRESS_SPACE
    child = subprocess.Popen(["sh", "-c", limits + 'exec "$@"', "sh"] + command, cwd=folder,
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    timer = threading.Timer(STUCK_SECONDS, os.kill, (child.pid, signal.SIGKILL))
    timer.start()
    _, status, usage = os.wait4(child.pid, 0)
    timer.cancel()
    child.returncode = code = os.waitstatus_to_exitcode(status)
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        code = "timeout"
    return code, usage.ru_utime + usage.ru_stime


def compiled(plan, source, text, folder):
    """The object's path, or None. It keeps its name: that is part of an object."""
    path = os.path.join(folder, os.path.basename(source))
    with open(path, "w") as f:
        f.write(text)
    made = path[:-2] + ".o"
    command = plan.compile + ["-I" + os.path.dirname(source), "-o", made, os.path.basename(path)]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL)
    return made if done.returncode == 0 else None


def content(path):
    with open(path, "rb") as f:
        return f.read()


class Mutant:
    def __init__(self, source, text, change):
        self.source = source
        self.kind, self.begin, self.end, self.new = change
        self.text = text[:self.begin] + self.new + text[self.end:]
        self.line = text.count("\n", 0, self.begin) + 1
        self.before = mutants.lines_of(text, self.begin, self.end)
        self.after = mutants.lines_of(self.text, self.begin, self.begin + len(self.new))
        self.context = text[:text.rfind("\n", 0, self.begin) + 1].rstrip().rpartition("\n")[2].strip()
        self.result = None

    def name(self):
        return "lib/core/" + os.path.basename(self.source)

    def key(self):
        return self.name(), self.context, self.before, self.after

    def describe(self):
        return "%s:%d: %s\n\t@ %s\n\t- %s\n\t+ %s\n" % (
            self.name(), self.line, self.kind, self.context, self.before, self.after)


def all_mutants(sources):
    found = []
    for source in sorted(sources):
        with open(source) as f:
            text = f.read()
        found += [Mutant(source, text, change) for change in mutants.mutants_of(text)]
    return found


def read_mutants(path):
    """Keys of mutants: blocks of a file's name, "@ line before it", "- original", "+ mutated"."""
    found, name, block = set(), None, {}
    with open(path) as lines:
        for line in map(str.strip, lines):
            if "lib/core/" in line:
                name, block = line[line.index("lib/core/"):].split(":")[0], {}
            elif line[:1] in ("@", "-", "+") and name:
                block[line[0]] = line[2:]
                if line[0] == "+" and len(block) == 3:
                    found.add((name, block["@"], block["-"], block["+"]))
    return found


def concerning(tests, source, kills):
    """The tests that the file is part of, first what most likely kills for the least time: those
    named after it, and those that have killed mutants of it."""
    stem = os.path.basename(source)[:-2]
    tests = [test for test in tests if stem in test.members]
    parts = {stem.replace("_", "-"), stem.split("_")[0]}

    def worth(test):
        named = os.path.basename(test.name).replace("_", "-") in parts
        return (0.5 + 4 * named + kills[stem, test.name]) / (LINK_SECONDS + test.seconds)
    return sorted(tests, key=worth, reverse=True)


def verdict(plan, tests, mutant, originals, kills):
    """"build", "same", "survived", or the test that killed it."""
    with tempfile.TemporaryDirectory() as folder:
        made = compiled(plan, mutant.source, mutant.text, folder)
        if not made:
            return "build"
        if content(made) == originals[mutant.source]:
            return "same"
        for test in concerning(tests, mutant.source, kills):
            program = os.path.join(folder, os.path.basename(test.name))  # some look at their name
            subprocess.run(plan.link + ["-o", program] + test.objects + [made] + test.libraries,
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            code, _ = run([program] + test.arguments, test.limit(), folder, plan)
            os.unlink(program)
            if code not in (0, *NO_VERDICT):
                kills[os.path.basename(mutant.source)[:-2], test.name] += 1
                return "%s (%s)" % (test.name, code)
    return "survived"


def control(plan, tests, sources):
    """Each test as mutants meet it, but without a change: nothing may be killed."""
    unseen, none = set(tests), collections.Counter()
    for source in sorted(sources):
        chosen = [test for test in concerning(tests, source, none) if test in unseen]
        unseen -= set(chosen)
        with open(source) as f:
            mutant = Mutant(source, f.read(), ("control", 0, 0, ""))
        result = verdict(plan, chosen, mutant, {source: None}, none) if chosen else "survived"
        if result != "survived":
            sys.exit("%s without a change: %s" % (mutant.name(), result))
    if unseen:
        sys.exit("no part of the core is in " + ", ".join(test.name for test in unseen))


def measure(plan):
    """The tests that pass without a mutant, with their times."""
    passing = []
    for test in plan.tests:
        with tempfile.TemporaryDirectory() as folder:
            code, test.seconds = run([test.program()] + test.arguments, CPU_SECONDS, folder, plan)
            linked = subprocess.run(plan.link + ["-Wl,-t,-t", "-o", os.path.join(folder, "program")] +
                                    test.objects + test.libraries, check=True, text=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            test.members = set(re.findall(r"\.a\)\S*-(\w+)\.o\b", linked.stdout))
        if code == 0:
            passing.append(test)
        else:
            print("without a mutant %s ends with %s: left out" % (test.name, code))
    total = sum(test.seconds for test in passing)
    print("%d tests, %.1f s of processor time without a mutant" % (len(passing), total))
    if not passing:
        sys.exit("no tests")
    return passing


def judged(plan, tests, order, wanted, jobs, until):
    """Mutants in the order of the sample, until so many of them count or the time is over."""
    originals, kills = {}, collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        for source in sorted({m.source for m in order}):
            with open(source) as f:
                originals[source] = content(compiled(plan, source, f.read(), folder))
    counted = at = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        while counted < wanted and at < len(order) and time.time() < until:
            batch = order[at:at + max(1, min(4 * jobs, wanted - counted))]
            at += len(batch)
            results = pool.map(lambda m: verdict(plan, tests, m, originals, kills), batch)
            for mutant, mutant.result in zip(batch, results):
                counted += mutant.result not in ("build", "same")
                yield mutant


def main():
    arguments = argparse.ArgumentParser()
    for name, kind, default in (("--plan", str, None), ("--equivalent", str, None),
                                ("--log", str, "mutation.log"), ("--commit", str, "unknown"),
                                ("--count", int, 1000), ("--seed", int, 1),
                                ("--jobs", int, os.cpu_count()),
                                ("--minutes", float, float("inf")), ("--again", str, None)):
        arguments.add_argument(name, type=kind, default=default)
    arguments.add_argument("--verbose", action="store_true", help="tell of every mutant")
    arguments.add_argument("sources", nargs="+")
    options = arguments.parse_args()

    begun = time.time()
    plan = Plan(options.plan)
    tests = measure(plan)
    known = read_mutants(options.equivalent)
    control(plan, tests, options.sources)
    order = all_mutants(options.sources)
    print("%d mutants in %d files" % (len(order), len(options.sources)))
    if options.again:
        again = read_mutants(options.again)
        order = [mutant for mutant in order if mutant.key() in again]
    random.Random(options.seed).shuffle(order)
    count = dict.fromkeys(("build", "same", "killed", "timeout", "equivalent", "survived"), 0)
    survivors = []
    for mutant in judged(plan, tests, order, options.count, options.jobs,
                         begun + 60 * options.minutes):
        result = mutant.result
        if result not in count:
            count["timeout"] += "timeout" in result
            result = "killed"
        elif result == "survived" and mutant.key() in known:
            result = "equivalent"
        count[result] += 1
        if result == "survived":
            survivors.append(mutant)
        if options.verbose or result == "survived":
            print("%s: %s" % (mutant.result, mutant.describe()), end="", flush=True)

    judged_ones = count["killed"] + count["survived"]
    summary = ("%s commit %s seed %d: %d of %d mutants killed (%.1f %%; %d by time), %d survived, "
               "%d equivalent; %d did not compile, %d the same code; %d s" % (
                   time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), options.commit,
                   options.seed, count["killed"], judged_ones,
                   100 * count["killed"] / max(1, judged_ones), count["timeout"],
                   count["survived"], count["equivalent"], count["build"], count["same"],
                   time.time() - begun))
    print(summary)
    with open(options.log, "a") as log:
        log.write(summary + "\n" + "".join(m.describe() for m in survivors))


if __name__ == "__main__":
    main()
