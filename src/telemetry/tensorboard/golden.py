"""Prints golden.json: events as TensorBoard's own messages write them (pip install tensorboard)."""
import base64
import json
from tensorboard.compat.proto import event_pb2, histogram_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2, types_pb2

Summary = summary_pb2.Summary
histogram = histogram_pb2.HistogramProto(
    min=-1.5, max=2, num=3, sum=0.5, sum_squares=6.25, bucket_limit=[-1.4, -1.0, 2.5], bucket=[1, 0, 2]
)
text = tensor_pb2.TensorProto(
    dtype=types_pb2.DT_STRING, tensor_shape=tensor_shape_pb2.TensorShapeProto(), string_val=["whale \u20ac".encode()]
)
plugin = summary_pb2.SummaryMetadata(plugin_data=summary_pb2.SummaryMetadata.PluginData(plugin_name="text"))
events = {
    "version": event_pb2.Event(wall_time=1234.5, file_version="brain.Event:2"),
    "start": event_pb2.Event(wall_time=1234.5, step=300, session_log=event_pb2.SessionLog(status=event_pb2.SessionLog.START)),
    "summary": event_pb2.Event(
        wall_time=1235.25,
        step=300,
        summary=Summary(
            value=[
                Summary.Value(tag="loss", simple_value=0.625),
                Summary.Value(tag="weights", histo=histogram),
                Summary.Value(tag="sample", tensor=text, metadata=plugin),
            ]
        ),
    ),
}
encoded = {name: base64.b64encode(event.SerializeToString(deterministic=True)).decode() for name, event in events.items()}
print(json.dumps(encoded, indent=2))
