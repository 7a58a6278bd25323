// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One record per chip: the authority on what a chip can do. Sources: PTX ISA
// 9.0 (target notes), CUDA C++ Programming Guide (compute capabilities), the
// product pages for multiprocessor counts, and ptxas 13.0.88 as the judge of
// which instruction a target takes.

include "llvm/TableGen/SearchableTable.td"

class Chip<string name, bits<8> major, bits<8> minor, string suffix> {
  string Name = name;       // full name with suffix, "sm_120a"
  bits<8> Major = major;
  bits<8> Minor = minor;
  string Suffix = suffix;   // "a": this chip only; "f": its family; else none
  string Family = "";       // the chips an "f" image runs on share it
  bits<8> PtxMajor = 8;         // lowest PTX ISA that knows the target
  bits<8> PtxMinor = 6;
  // Features.
  bit BlockScaledMma = 0;   // mma.sync kind::mxf4nvf4 block_scale
  bit Tcgen05 = 0;          // tensor memory and tcgen05.*
  bit Wgmma = 0;
  bit Tma = 1;              // cp.async.bulk.tensor, shared::cta destination
  bit TmaMulticast = 0;     // ... to shared::cluster without a run-time call
  bit ClusterLaunchControl = 0;
  bit CvtE2m1 = 0;          // cvt.rn.satfinite.e2m1x2.f32
  bit SetMaxNReg = 1;
  bit GridDepControl = 1;
  // Limits.
  bits<8> Multiprocessors = 0;  // of the reference product
  bits<32> SharedPerCta = 0;     // bytes, opt-in maximum
  bits<32> StaticSharedPerCta = 49152; // bytes that a kernel may declare
  bits<32> SharedPerMultiprocessor = 0;
  bits<32> RegistersPerMultiprocessor = 65536;
  bits<16> ThreadsPerMultiprocessor = 2048;
  bits<8> MaxClusterSize = 8;   // portable
}

class Hopper<string suffix> : Chip<"sm_90" # suffix, 9, 0, suffix> {
  let Family = "sm_90";
  let PtxMinor = 0;
  let Wgmma = 1;
  let TmaMulticast = 1;
  let Multiprocessors = 132; // H100 SXM
  let SharedPerCta = 232448;
  let SharedPerMultiprocessor = 233472;
}

class DataCentreBlackwell<bits<8> minor, string suffix>
    : Chip<!strconcat("sm_10", !cast<string>(!cast<int>(minor)), suffix), 10, minor, suffix> {
  let Family = "sm_100";
  let Tcgen05 = 1;
  let TmaMulticast = 1;
  let ClusterLaunchControl = 1;
  let CvtE2m1 = 1;
  let Multiprocessors = 148; // B200
  let SharedPerCta = 232448;
  let SharedPerMultiprocessor = 233472;
}

class Thor<string suffix> : Chip<"sm_110" # suffix, 11, 0, suffix> {
  let Family = "sm_110";
  let PtxMajor = 9;
  let PtxMinor = 0;
  let Tcgen05 = 1;
  let TmaMulticast = 1;
  let ClusterLaunchControl = 1;
  let CvtE2m1 = 1;
  let Multiprocessors = 20;
  let SharedPerCta = 232448;
  let SharedPerMultiprocessor = 233472;
}

class WorkstationBlackwell<bits<8> minor, string suffix>
    : Chip<!strconcat("sm_12", !cast<string>(!cast<int>(minor)), suffix), 12, minor, suffix> {
  let Family = "sm_120";
  let PtxMinor = 7;
  let BlockScaledMma = 1;
  let ClusterLaunchControl = 1;
  let CvtE2m1 = 1;
  let Multiprocessors = 188; // RTX PRO 6000
  let SharedPerCta = 101376;
  let SharedPerMultiprocessor = 102400;
  let ThreadsPerMultiprocessor = 1536;
}

def SM90a : Hopper<"a">;
def SM100a : DataCentreBlackwell<0, "a">;
def SM100f : DataCentreBlackwell<0, "f"> { let PtxMinor = 8; }
def SM103a : DataCentreBlackwell<3, "a"> { let PtxMinor = 8; }
def SM110a : Thor<"a">;
def SM120a : WorkstationBlackwell<0, "a">;
def SM120f : WorkstationBlackwell<0, "f"> { let PtxMinor = 8; }
def SM121a : WorkstationBlackwell<1, "a"> {
  let PtxMinor = 8;
  let Multiprocessors = 48; // GB10
}

def ChipTable : GenericTable {
  let FilterClass = "Chip";
  let CppTypeName = "Chip";
  let Fields = ["Name", "Major", "Minor", "Suffix", "Family", "PtxMajor",
    "PtxMinor", "BlockScaledMma", "Tcgen05", "Wgmma", "Tma", "TmaMulticast",
    "ClusterLaunchControl", "CvtE2m1", "SetMaxNReg", "GridDepControl",
    "Multiprocessors", "SharedPerCta", "StaticSharedPerCta", "SharedPerMultiprocessor",
    "RegistersPerMultiprocessor", "ThreadsPerMultiprocessor", "MaxClusterSize"];
}
