"""Files that the library reads and writes."""

import json
import os
import tempfile
import unittest

import numpy as np
from support import DATA, loads, refused, torch

import eplb
from eplb import formats


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)


class LoadFiles(Folder):
    def test_files_of_frameworks(self):
        for name, shape in (
            ("data/frameworks/sglang_stat_moe_only.json", None),
            ("data/frameworks/expert_distribution_rank0_timestamp1744347750.37.csv", (4, 8)),
            ("data/frameworks/excel_bom_crlf.csv", (2, 4)),
            ("data/frameworks/sglang_per_pass.json", (4, 8)),
            ("tools/loads/vllm_truncated.jsonl", None),
            ("tools/loads/trt_pp_ragged", None),
            ("tools/loads/small.csv", None),
        ):
            with self.subTest(name):
                read = formats.read_loads(os.path.join(DATA, name))
                self.assertGreater(read.load.sum(), 0)
                if shape:
                    self.assertEqual(read.load.shape[1:], shape)
        self.assertTrue(formats.read_loads(os.path.join(DATA, "tools/loads/vllm_truncated.jsonl")).incomplete)

    def test_what_is_written_is_read_again(self):
        recording = eplb.Loads(np.stack([loads(3, 8, seed) for seed in range(2)]), np.array([3, 5, 7]))
        formats.write_loads(self.path("loads.csv"), recording)
        again = formats.read_loads(self.path("loads.csv"))
        np.testing.assert_array_equal(again.load, recording.load)
        self.assertEqual(again.layer_ids.tolist(), [3, 5, 7])
        self.assertFalse(again.incomplete)

    def test_numpy_files(self):
        for dtype in (np.int32, np.float16, ">f8"):
            np.save(self.path("loads.npy"), np.arange(12).reshape(2, 6).astype(dtype))
            np.testing.assert_array_equal(
                formats.read_loads(self.path("loads.npy")).load[0], np.arange(12).reshape(2, 6)
            )

    def test_a_line_that_is_wrong_is_named(self):
        path = self.write("bad.csv", "window,layer,e0,e1\n0,0,1,many\n")
        refused(self, ValueError, 'line 2, column e1: "many"; expected a number', formats.read_loads, path)

    def test_windows_are_summed(self):
        recording = eplb.Loads(np.arange(14).reshape(7, 1, 2))
        summed = formats.sum_windows(recording, 3)
        self.assertEqual(summed.load.tolist(), [[[6, 9]], [[24, 27]]])
        refused(self, ValueError, "passes is 8; expected at most 7", formats.sum_windows, recording, 8)

    @unittest.skipIf(torch is None, "torch is not installed")
    def test_recordings_of_pytorch(self):
        counts = torch.arange(24, dtype=torch.int32).reshape(2, 3, 4)
        torch.save({"rank": 0, "logical_count": counts}, self.path("loads.pt"))
        np.testing.assert_array_equal(formats.read_loads(self.path("loads.pt")).load, counts.numpy())
        torch.save({"rank": 0}, self.path("none.pt"))
        refused(self, ValueError, 'has no tensor "logical_count"', formats.read_loads, self.path("none.pt"))
        torch.save({"logical_count": counts, "hook": os.getcwd}, self.path("code.pt"))
        refused(self, ValueError, "weights_only=True", formats.read_loads, self.path("code.pt"))
        refused(self, ValueError, "weights_only=True", formats.read_loads, self.write("text.pt", "no tensors"))


class PlacementFiles(Folder):
    def test_files_of_frameworks(self):
        maps = []
        for name in ("sglang_p2l.json", "ascend_map.json", "moe_load_balancer.yaml"):
            maps.append(formats.read_placement(os.path.join(DATA, "data/frameworks", name)))
        for file in maps:
            self.assertEqual(file.placement, maps[0].placement)
        self.assertEqual([file.num_devices for file in maps], [0, 2, 0])
        self.assertEqual(maps[2].layer_ids.tolist(), [3, 4, 5, 6])

    def test_what_is_written_is_read_again(self):
        topology, load = eplb.Topology(2, 4, 3), loads(2, 8, 1)
        placement = eplb.plan(load, topology, planner="window")
        formats.write_placement(
            self.path("ours.json"), placement, topology, load=load, layer_ids=[3, 4], planner="window"
        )
        again = formats.read_placement(self.path("ours.json"))
        self.assertEqual(again.placement, placement)
        self.assertEqual(again.layer_ids.tolist(), [3, 4])
        with open(self.path("ours.json")) as file:
            content = json.load(file)
        self.assertAlmostEqual(content["balancedness"]["mean"], placement.mean_balancedness(topology, load), 6)
        self.assertEqual(content["physical_to_logical_map"], placement.physical_to_logical.tolist())
        self.assertEqual(eplb.Topology.read(self.path("ours.json")).num_slots, 12)
        refused(
            self,
            ValueError,
            "layer_ids has 1 numbers; expected 2",
            formats.write_placement,
            self.path("x.json"),
            placement,
            topology,
            layer_ids=[3],
        )
        refused(
            self,
            ValueError,
            "expected 16, as the topology has",
            formats.write_placement,
            self.path("x.json"),
            placement,
            eplb.Topology(2, 4, 4),
        )
