// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a module may hold depends on its .target: the number, and the suffix a
// or f. Forms at those borders, and numbers known when a module is loaded, go
// to ptxas and the loader for every target.

#include "tests/Emulator/VerdictOracle.h"

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

const char *const registers =
    "  .reg .pred p<9>;\n  .reg .b8 c<8>;\n  .reg .b16 h<8>;\n"
    "  .reg .b32 r<20>;\n  .reg .b64 d<9>;\n  .reg .f32 f<20>;\n"
    "  .reg .b128 q<4>;\n";

const char *const forms[] = {
    "mma.sync.aligned.m16n8k64.row.col.kind::mxf4nvf4.block_scale.scale_vec::"
    "4X.f32.e2m1.e2m1.f32.ue4m3 "
    "{r1,r2,r3,r4},{r1,r2,r3,r4},{r5,r6},{r1,r2,r3,r4},r1,{0,0},r2,{0,0};",
    "mma.sync.aligned.m16n8k32.row.col.kind::mxf8f6f4.block_scale.scale_vec::"
    "1X.f32.e2m1.e3m2.f32.ue8m0 "
    "{r1,r2,r3,r4},{r1,r2,r3,r4},{r5,r6},{r1,r2,r3,r4},r1,{0,0},r2,{0,0};",
    "mma.sync.aligned.m16n8k32.row.col.kind::f8f6f4.f32.e2m1.e3m2.f32 "
    "{r1,r2,r3,r4},{r1,r2,r3,r4},{r5,r6},{r1,r2,r3,r4};",
    "mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e4m3.f32 "
    "{r1,r2,r3,r4},{r1,r2,r3,r4},{r5,r6},{r1,r2,r3,r4};",
    "mma.sync.aligned.m16n8k16.row.col.f32.e4m3.e4m3.f32 "
    "{r1,r2,r3,r4},{r1,r2},{r5},{r1,r2,r3,r4};",
    "mma.sync.aligned.m16n8k32.row.col.f16.e4m3.e4m3.f16 "
    "{r1,r2},{r1,r2,r3,r4},{r5,r6},{r1,r2};",
    "cvt.rn.satfinite.e4m3x2.f32 h1,f1,f2;",
    "cvt.rn.satfinite.e2m1x2.f32 c1,f1,f2;",
    "cvt.rn.f16x2.e2m1x2 r1,c1;",
    "cvt.rn.satfinite.e2m3x2.f32 h1,f1,f2;",
    "cvt.rp.satfinite.ue8m0x2.f32 h1,f1,f2;",
    "cvt.rn.bf16x2.ue8m0x2 r1,h1;",
    "cvt.rs.satfinite.f16x2.f32 r1,f1,f2,r2;",
    "cvt.rs.satfinite.e4m3x4.f32 r1,{f1,f2,f3,f4},r2;",
    "cvt.rn.satfinite.tf32.f32 r1,f1;",
    "cvt.rn.satfinite.relu.tf32.f32 r1,f1;",
    "setmaxnreg.inc.sync.aligned.u32 240;",
    "add.f32x2 d1,d2,d3;",
    "add.f32.bf16 f1,h1,f2;",
    "min.f32 f1,f2,f3,f4;",
    "redux.sync.min.f32 f1,f2,-1;",
    "wgmma.fence.sync.aligned;",
    "tcgen05.fence::before_thread_sync;",
    "tcgen05.alloc.cta_group::1.sync.aligned.shared::cta.b32 [r1],32;",
    "tcgen05.ld.sync.aligned.32x32b.x1.b32 {r1},[r2];",
    "tcgen05.ld.red.sync.aligned.32x32b.x2.min.u32 {r1,r3},r4,[r2];",
    "tcgen05.mma.cta_group::1.kind::f16 [r1],d1,d2,r2,p1;",
    "tcgen05.mma.cta_group::1.kind::i8 [r1],d1,d2,r2,p1;",
    "tcgen05.mma.cta_group::1.kind::mxf8f6f4.block_scale "
    "[r1],d1,d2,r2,[r3],[r4],p1;",
    "tcgen05.mma.cta_group::1.kind::mxf4nvf4.block_scale.scale_vec::4X "
    "[r1],d1,d2,r2,[r3],[r4],p1;",
    "tcgen05.mma.cta_group::1.kind::mxf4.block_scale.scale_vec::2X "
    "[r1],d1,d2,r2,[r3],[r4],p1;",
    "tcgen05.mma.cta_group::1.kind::f16 [r1],d1,d2,r2,p1,4;",
    "tcgen05.cp.cta_group::1.128x256b [r1],d1;",
    "tcgen05.cp.cta_group::1.128x256b.b8x16.b4x16_p64 [r1],d1;",
    "tcgen05.shift.cta_group::1.down [r1];",
    "ldmatrix.sync.aligned.m16n16.x1.trans.shared.b8 {r1,r2},[r5];",
    "ldmatrix.sync.aligned.m16n16.x2.trans.shared.b8x16.b6x16_p32 "
    "{r1,r2,r3,r4},[r5];",
    "ldmatrix.sync.aligned.m8n16.x4.shared.b8x16.b4x16_p64 {r1,r2,r3,r4},[r5];",
    "stmatrix.sync.aligned.m16n8.x4.trans.shared.b8 [r5],{r1,r2,r3,r4};",
    "stmatrix.sync.aligned.m8n8.x2.trans.shared.b16 [r5],{r1,r2};",
    "ld.global.v8.f32 {f1,f2,f3,f4,f5,f6,f7,f8},[d1];",
    "ld.global.L2::evict_last.v8.b32 {r1,r2,r3,r4,r5,r6,r7,r8},[d1];",
    "ld.global.L2::evict_last.v4.b64 {d1,d2,d3,d4},[d1];",
    "st.async.mmio.release.sys.global.u32 [d1],r1;",
    "st.bulk.weak.shared::cta [r1],d1,0;",
    "red.async.mmio.release.gpu.global.add.u32 [d1],r1;",
    "tensormap.replace.tile.global_address.global.b1024.b64 [d1],d2;",
    "tensormap.replace.tile.swizzle_atomicity.global.b1024.b32 [d1],1;",
    "tensormap.replace.tile.swizzle_mode.global.b1024.b32 [d1],4;",
    "tensormap.replace.tile.elemtype.global.b1024.b32 [d1],13;",
    "tensormap.cp_fenceproxy.global.shared::cta.tensormap::generic.release.gpu."
    "sync.aligned [d1],[r1],128;",
    "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes."
    "multicast::cluster [r1],[d1],r2,[r3],h1;",
    "cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes "
    "[r1],[d1],r2,[r3];",
    "cp.async.bulk.global.shared::cta.bulk_group.cp_mask [d1],[r1],r2,h1;",
    "cp.async.bulk.tensor.1d.shared::cta.global.tile.mbarrier::complete_tx::"
    "bytes [r1],[d1,{r2}],[r3];",
    "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx:"
    ":bytes.cta_group::2 [r1],[d1,{r2,r3}],[r3];",
    "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx:"
    ":bytes.multicast::cluster [r1],[d1,{r2,r3}],[r3],h1;",
    "cp.async.bulk.tensor.2d.shared::cta.global.tile::gather4.mbarrier::"
    "complete_tx::bytes [r1],[d1,{r2,r3,r4,r5,r6}],[r3];",
    "cp.async.bulk.tensor.2d.shared::cluster.global.tile::gather4.mbarrier::"
    "complete_tx::bytes [r1],[d1,{r2,r3,r4,r5,r6}],[r3];",
    "cp.async.bulk.tensor.2d.global.shared::cta.tile::scatter4.bulk_group "
    "[d1,{r2,r3,r4,r5,r6}],[r1];",
    "cp.async.bulk.prefetch.tensor.2d.L2.global.tile::gather4 "
    "[d1,{r2,r3,r4,r5,r6}];",
    "cp.reduce.async.bulk.tensor.2d.global.shared::cta.add.tile.bulk_group "
    "[d1,{r2,r3}],[r1];",
    "clusterlaunchcontrol.try_cancel.async.shared::cta.mbarrier::complete_tx::"
    "bytes.b128 [r1],[r2];",
    "clusterlaunchcontrol.try_cancel.async.mbarrier::complete_tx::bytes."
    "multicast::cluster::all.b128 [r1],[r2];",
    "clusterlaunchcontrol.query_cancel.is_canceled.pred.b128 p1,q1;",
    "fence.proxy.async::generic.acquire.sync_restrict::shared::cluster."
    "cluster;",
    "mbarrier.test_wait.parity.relaxed.cta.shared.b64 p1,[r1],r2;",
    "mbarrier.try_wait.parity.shared.b64 p1,[r1],r2;",
    "mbarrier.arrive.expect_tx.relaxed.cluster.shared::cluster.b64 _,[r1],r2;",
    "griddepcontrol.wait;",
    "elect.sync _|p1,-1;",
    "barrier.cluster.arrive.relaxed.aligned;",
    "mapa.u64 d1,d2,r3;",
    "cvt.pack.sat.s4.s32.b32 r1,r2,r3,r4;",
    "mov.u32 r1,%cluster_ctarank;",
    "mov.u32 r1,%aggr_smem_size;",
    "mov.u32 r1,%total_smem_size;",
    "mov.pred p1,%is_explicit_cluster;",
    "mov.u64 d1,%current_graph_exec;",
    "atom.global.v4.f32.add {f1,f2,f3,f4},[d1],{f1,f2,f3,f4};",
    "atom.global.exch.b128 q1,[d1],q2;",
    "ld.global.b128 q1,[d1];",
    "mma.sync.aligned.m16n8k32.row.col.kind::f8f6f4.f32.e4m3.e4m3.f32 "
    "{r1,r2,r3,r4},{r1,r2,r3,r4},{r5,r6},{r1,r2,r3,r4};",
    "tcgen05.mma.cta_group::1.kind::mxf4nvf4.block_scale.block16 "
    "[r1],d1,d2,r2,[r3],[r4],p1;",
    "tcgen05.mma.cta_group::1.kind::mxf4nvf4.block_scale.scale_vec::2X "
    "[r1],d1,d2,r2,[r3],[r4],p1;",
    "tcgen05.mma.cta_group::1.kind::mxf4.block_scale "
    "[r1],d1,d2,r2,[r3],[r4],p1;",
    "tcgen05.mma.cta_group::1.kind::mxf8f6f4.block_scale.scale_vec::1X "
    "[r1],d1,d2,r2,[r3],[r4],p1;",
    "tcgen05.mma.cta_group::1.kind::mxf8f6f4.block_scale.block32 "
    "[r1],d1,d2,r2,[r3],[r4],p1;",
    "tcgen05.mma.cta_group::1.kind::f16.ashift [r1],[r7],d2,r2,p1;",
    "tcgen05.mma.cta_group::1.kind::tf32 [r1],d1,d2,r2,p1,4;",
    "tcgen05.ld.sync.aligned.32x32b.x2.b32 {r1,_},[r2];",
    "tcgen05.ld.sync.aligned.16x32bx2.x2.pack::16b.b32 {r1,r2},[r2],8;",
    "tcgen05.st.sync.aligned.32x32b.x1.b32 [r2],{r1};",
    "tensormap.replace.tile.swizzle_mode.global.b1024.b32 [d1],3;",
    "tensormap.replace.tile.elemtype.global.b1024.b32 [d1],12;",
    "cp.async.bulk.tensor.2d.shared::cta.global.tile.mbarrier::complete_tx::"
    "bytes.cta_group::1 [r1],[d1,{r2,r3}],[r3];",
    "bar.sync 16;",
    "bar.sync 15;",
    "bar.sync 1,33;",
    "bar.sync 1,0;",
    "bar.sync 1,4096;",
    "bar.sync -1;",
    "bar.arrive 1,0;",
    "bar.arrive 1,33;",
    "bar.arrive 16,32;",
    "bar.red.popc.u32 r1,16,p1;",
    "bar.red.popc.u32 r1,1,33,p1;",
    "bar.red.popc.u32 r1,1,0,p1;",
    "barrier.sync 16;",
    "barrier.cta.sync 1,2048;",
    "ld.global.u32 r1,[4];",
    "ld.shared.u32 r1,[4];",
    "st.global.u32 [4],r1;",
    "st.bulk.weak.shared::cta [r1],4,0;",
    "st.bulk.weak.shared::cta [r1],8,1;",
    "cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes "
    "[r1],[d1],8,[r3];",
    "mov.u32 r1,%gridid;",
    "mov.u64 d1,%gridid;",
    "mov.b64 d1,%gridid;",
    "mov.u64 d1,%tid.x;",
    "mov.u32 r1,%clock64;",
    "mov.u32 r1,%tid;",
    "mov.u32 r1,%tid.w;",
    "mov.u32 r1,%nclusterid.w;",
    "mov.v4.u32 {r1,r2,r3,r4},%tid;",
    "mov.v4.b32 {r1,_,r3,r4},%cluster_nctaid;",
    "mov.v4.u16 {h1,h2,h3,h4},%ctaid;",
    "mov.v2.u32 {r1,r2},%tid;",
    "mov.v4.u32 {r1,r2,r3},%tid;",
    "mov.u16 h1,%tid.x;",
    "mov.f32 f1,%tid.x;",
    "mov.u32 r1,%is_explicit_cluster;",
    "mov.pred p1,!%is_explicit_cluster;",
    "and.pred p1,p2,%is_explicit_cluster;",
    "selp.u32 r1,1,0,%is_explicit_cluster;",
    "add.u32 r1,%tid.x,%ntid.x;",
    "setp.eq.u32 p1,%tid.x,0;",
    "setp.eq.u32 p1,WARP_SZ,r1;",
    "cvt.u64.u32 d1,%tid.x;",
    "cvt.rn.f32.u32 f1,%tid.x;",
    "mov.b64 d1,{%tid.x,r1};",
};

/// Taken by ptxas, refused here with a sentence.
const char *const unknown[] = {"%current_graph_exec",
                               "swizzle_mode.global.b1024.b32 [d1],4"};

class TargetVerdict : public ::testing::TestWithParam<const char *> {};

TEST_P(TargetVerdict, SameAsPtxas) {
  const std::string target = GetParam();
  const std::string head = verdictHead(target, registers);
  std::set<std::string> accepted =
      acceptedByPtxas(target, head, {std::begin(forms), std::end(forms)});
  for (const std::string form : forms) {
    std::string why;
    bool theirs = accepted.count(form) != 0,
         ours = acceptedByUs(target, head, form, why);
    bool known = false;
    for (const char *part : unknown)
      known |= form.find(part) != form.npos && theirs && !ours;
    if (ours != theirs && !known)
      ADD_FAILURE() << target << ": " << form << " "
                    << (theirs ? "is legal, but: " + why
                               : std::string("is refused by ptxas"));
  }
  EXPECT_GT(accepted.size(), 40u);
}

INSTANTIATE_TEST_SUITE_P(Targets, TargetVerdict,
                         ::testing::Values("sm_90", "sm_90a", "sm_100",
                                           "sm_100f", "sm_100a", "sm_103",
                                           "sm_103f", "sm_103a", "sm_110",
                                           "sm_110f", "sm_110a", "sm_120",
                                           "sm_120f", "sm_120a", "sm_121",
                                           "sm_121f", "sm_121a"));

/// The PTX version that first knows a target.
TEST(VerdictOnVersions, SameAsPtxas) {
  for (const char *target :
       {"sm_90", "sm_90a", "sm_100", "sm_100f", "sm_100a", "sm_103f", "sm_103a",
        "sm_110", "sm_120", "sm_120f", "sm_120a", "sm_121", "sm_121a"})
    for (const char *version :
         {"7.7", "7.8", "8.0", "8.5", "8.6", "8.7", "8.8", "9.0"}) {
      std::string head = verdictHead(target, ""), why;
      head.replace(head.find("9.0"), 3, version);
      EXPECT_EQ(acceptedByUs(target, head, "", why),
                textPasses(target, head + "ret;\n}\n"))
          << target << " in PTX " << version << ": " << why;
    }
}

} // namespace
