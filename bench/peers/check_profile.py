"""Reads the profile of a trace with the reader of TensorBoard's profile plugin, and says what is in it.

    pip install xprof
    python bench/peers/check_profile.py runs/NAME/trace [steps-17-80]

xprof is the package of that plugin (tensorboard-plugin-profile is its former name). Last checked with xprof 2.24.2.
Ends with an error where the trace viewer lacks steps or kernel calls, or the table of operations or the memory profile
is empty. The reader leaves files of its own beside what it reads, so it gets a copy.
"""
import importlib.metadata
import json
import pathlib
import shutil
import sys
import tempfile

from xprof.convert import raw_to_tool_data


def tool(path, name):
    data, _ = raw_to_tool_data.xspace_to_tool_data([str(path)], name, {})
    return json.loads(data)


def check(path):
    events = tool(path, "trace_viewer")["traceEvents"]
    slices = [event for event in events if event and event.get("ph") == "X"]
    steps = [event for event in slices if "step_num" in event.get("args", {})]
    assert steps, "the trace viewer shows no steps"
    calls = [event for event in slices if "bytes_accessed" in event.get("args", {})]
    assert calls, "the trace viewer shows no kernel calls"
    for call in calls:
        inside = [s for s in steps if s["ts"] <= call["ts"] and call["ts"] + call["dur"] <= s["ts"] + s["dur"] + 1]
        assert len(inside) == 1, f"{call['name']} is in {len(inside)} steps"
    print(f"trace viewer: {len(steps)} steps, {len(calls)} kernel calls, such as '{calls[0]['name']}'")

    table = tool(path, "framework_op_stats")[0]
    types = sorted({row["c"][2]["v"] for row in table["rows"]} - {"IDLE"})
    assert "Gemm" in types, f"the table of operations has no products: {types}"
    print(f"operations: {len(table['rows'])} rows of {', '.join(types)}")

    arena = tool(path, "memory_profile")["memoryProfilePerAllocator"]["arena"]
    peak = int(arena["profileSummary"]["peakBytesUsageLifetime"])
    changes = len(arena["sampledTimelineSnapshots"])
    assert peak > 0 and changes > 1, "the memory profile is empty"
    print(f"memory profile: at most {peak} bytes of the arena in use, {changes} changes")


folder = pathlib.Path(sys.argv[1]) / "plugins" / "profile"
found = sorted(folder.glob(f"{sys.argv[2] if len(sys.argv) > 2 else '*'}/*.xplane.pb"))
if not found:
    sys.exit(f"no profile in {folder}")
print(f"xprof {importlib.metadata.version('xprof')}")
for original in found:
    print(original)
    with tempfile.TemporaryDirectory() as copy:
        check(shutil.copy(original, copy))
