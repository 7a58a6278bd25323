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
  bits<8> PtxMajor = 8;         // lowest PTX ISA that knows the target, and
                                // has what kernels use of it
  bits<8> PtxMinor = 6;
  // Features.
  bit BlockScaledMma = 0;   // mma.sync kind::mxf4nvf4 block_scale
  bit Tcgen05 = 0;          // tensor memory and tcgen05.*
  string ScaleVector = "";  // how tcgen05.mma spells 16 elements a scale factor
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
  bits<16> TensorColumns = 0;   // of a CTA's tensor memory, 128 lanes x 32 bits
  // Rates of one multiprocessor, for estimates; 0: not known here.
  bits<32> Fp4MacsPerCycle = 0;    // dense e2m1 multiply-adds
  bits<16> SharedBytesPerCycle = 0;
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
  let PtxMinor = 7; // of tcgen05.mma kind::mxf4nvf4; the target is of 8.6
  let Tcgen05 = 1;
  let ScaleVector = "scale_vec::4X";
  let TensorColumns = 512;
  let TmaMulticast = 1;
  let ClusterLaunchControl = 1;
  let CvtE2m1 = 1;
  let Multiprocessors = 148; // B200
  let SharedPerCta = 232448;
  let SharedPerMultiprocessor = 233472;
  // Calculated: the 9 PFLOP/s that are named for a B200 are 16384 a cycle on
  // 148 multiprocessors at 1.856 GHz, and its 75 TFLOP/s of FP32 say 1.98 GHz
  // (verda.com/blog/gb300-nvl72-architecture).
  let Fp4MacsPerCycle = 16384;
  let SharedBytesPerCycle = 128; // as the others; no figure known (weak)
}

class Thor<string suffix> : Chip<"sm_110" # suffix, 11, 0, suffix> {
  let Family = "sm_110";
  let PtxMajor = 9;
  let PtxMinor = 0;
  let Tcgen05 = 1;
  let ScaleVector = "scale_vec::4X";
  let TensorColumns = 512;
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
  // Calculated: 2.0 PFLOP/s of the RTX PRO 6000 (half of the 4,000 sparse TOPS
  // NVIDIA names) are 2048 a cycle on 188 multiprocessors at 2.6 GHz; so are
  // the 1.676 PFLOP/s of the RTX 5090 on 170 at 2.407 GHz.
  let Fp4MacsPerCycle = 2048;
  // Measured by others: chipsandcheese.com, "Blackwell: Nvidia's Massive GPU".
  let SharedBytesPerCycle = 128;
}

def SM90a : Hopper<"a">;
def SM100a : DataCentreBlackwell<0, "a">;
def SM100f : DataCentreBlackwell<0, "f"> {
  let PtxMinor = 8;
  let ScaleVector = "block16"; // of PTX ISA 8.8, and all that a family takes
}
def SM103a : DataCentreBlackwell<3, "a"> {
  let PtxMinor = 8;
  // Half as many again as a B200 (NVIDIA at Hot Chips 2025): so the 14 PFLOP/s
  // of a B300 are 1.925 GHz.
  let Fp4MacsPerCycle = 24576;
}
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
    "PtxMinor", "BlockScaledMma", "Tcgen05", "ScaleVector", "Wgmma", "Tma", "TmaMulticast",
    "ClusterLaunchControl", "CvtE2m1", "SetMaxNReg", "GridDepControl",
    "Multiprocessors", "SharedPerCta", "StaticSharedPerCta", "SharedPerMultiprocessor",
    "RegistersPerMultiprocessor", "ThreadsPerMultiprocessor", "MaxClusterSize",
    "TensorColumns",
    "Fp4MacsPerCycle", "SharedBytesPerCycle"];
}

// One record per card, for estimates alone: no kernel depends on it. Several
// cards carry one chip. "Weak" marks what no maker's page and no measurement
// that we know of says.
class Card<string name, string chip, bits<8> multiprocessors> {
  string Name = name;
  string Chip = chip;              // full name with suffix
  bits<8> Multiprocessors = multiprocessors;
  bits<16> ClockMHz = 0;           // boost
  bits<32> L2Bytes = 0;
  bits<16> L2BytesPerCycle = 0;    // of the whole card
  bits<32> MemoryMBPerSecond = 0;
}

// Clock: calculated, from the 125 TFLOP/s of FP32 that NVIDIA names (2.6 GHz).
// L2 and memory: NVIDIA's RTX Blackwell PRO white paper (128 MB, 512 bits at
// 28 Gbit/s). L2's rate: 8.7 TB/s, measured at chipsandcheese.com, "Blackwell:
// Nvidia's Massive GPU".
def RtxPro6000 : Card<"rtx-pro-6000", "sm_120a", 188> {
  let ClockMHz = 2600;
  let L2Bytes = 134217728;
  let L2BytesPerCycle = 3346;
  let MemoryMBPerSecond = 1792000;
}

// NVIDIA's product page: multiprocessors (21,760 CUDA cores), clock, memory.
// L2: its RTX Blackwell white paper (96 MB). L2's rate: that of the
// RTX PRO 6000, which has the same die (weak).
def Rtx5090 : Card<"rtx-5090", "sm_120a", 170> {
  let ClockMHz = 2407;
  let L2Bytes = 100663296;
  let L2BytesPerCycle = 3346;
  let MemoryMBPerSecond = 1792000;
}

// As above. L2's rate: half of the RTX PRO 6000's, for half of its L2 and of
// its memory's bus (weak).
def Rtx5080 : Card<"rtx-5080", "sm_120a", 84> {
  let ClockMHz = 2617;
  let L2Bytes = 67108864;
  let L2BytesPerCycle = 1673;
  let MemoryMBPerSecond = 960000;
}

// Memory: NVIDIA's product page (273 GB/s). Clock: calculated, from half of
// the 1 PFLOP/s (sparse) named there. L2's size: reports of users (24 MB), and
// its rate: that of the RTX PRO 6000 for each multiprocessor (both weak).
def Gb10 : Card<"gb10", "sm_121a", 48> {
  let ClockMHz = 2543;
  let L2Bytes = 25165824;
  let L2BytesPerCycle = 854;
  let MemoryMBPerSecond = 273000;
}

// Clock: calculated, from 9 PFLOP/s. Memory: verda.com, "GB300 NVL72
// architecture" (7.7 TB/s). L2: chipsandcheese.com, "Nvidia's B200" (126 MB).
// L2's rate: what the ports of all multiprocessors take, 64 bytes each (weak).
def B200 : Card<"b200", "sm_100a", 148> {
  let ClockMHz = 1856;
  let L2Bytes = 132120576;
  let L2BytesPerCycle = 9472;
  let MemoryMBPerSecond = 7700000;
}

// As above, from 14 PFLOP/s. Multiprocessors: what boards are reported to
// enable; NVIDIA names 160 of the whole pair of dies. L2: the B200's (weak).
def B300 : Card<"b300", "sm_103a", 148> {
  let ClockMHz = 1925;
  let L2Bytes = 132120576;
  let L2BytesPerCycle = 9472;
  let MemoryMBPerSecond = 7700000;
}

def CardTable : GenericTable {
  let FilterClass = "Card";
  let CppTypeName = "Card";
  let Fields = ["Name", "Chip", "Multiprocessors", "ClockMHz", "L2Bytes",
    "L2BytesPerCycle", "MemoryMBPerSecond"];
}
