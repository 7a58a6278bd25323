// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fences. Accesses happen in the order of issue here, so that a fence changes
// no value; the search for races sees what it orders.

#include "tools/emulator/Exec/Cluster.h"
#include "tools/emulator/Exec/Decode.h"
#include "tools/emulator/Exec/Race.h"

using namespace nybl::emu;

namespace {

void fence(Warp &w, const Instr &) {
  if (w.races)
    w.races->fence(w);
}

void proxyFence(Warp &w, const Instr &) {
  if (w.races)
    w.races->proxyFence(w);
}

void initFence(Warp &w, const Instr &) {
  if (w.races)
    w.races->initFence(w);
}

bool takeScope(Decoder &d) {
  return d.takeOneOf({"cta", "cluster", "gpu", "sys"}) >= 0;
}

/// .acquire.sync_restrict::shared::cluster.cluster or
/// .release.sync_restrict::shared::cta.cluster: true if there is either.
bool takeRestricted(Decoder &d, int order) {
  int space = d.takeOneOf(
      {"sync_restrict::shared::cluster", "sync_restrict::shared::cta"});
  if (space < 0)
    return false;
  if (space != order || !d.take("cluster"))
    d.fail("expected .acquire.sync_restrict::shared::cluster.cluster or "
           ".release.sync_restrict::shared::cta.cluster");
  return true;
}

/// fence.proxy.tensormap::generic.release.scope, or .acquire with an address
/// and the size of a tensor map.
void decodeTensormapFence(Decoder &d) {
  int order = d.takeOneOf({"acquire", "release"});
  if (order < 0 || !takeScope(d))
    return d.fail("expected .acquire or .release, and a scope");
  d.out.run = fence;
  if (order == 1) {
    d.operands(0);
    return;
  }
  if (!d.operands(2))
    return;
  d.address(0);
  if (d.immediate(1) != 128)
    d.fail("expected 128 bytes");
}

void decodeProxyFence(Decoder &d) {
  if (d.take("tensormap::generic"))
    return decodeTensormapFence(d);
  d.out.run = proxyFence;
  d.operands(0);
  if (d.take("alias")) {
    d.out.run = fence;
    return;
  }
  if (d.take("async::generic")) {
    if (!takeRestricted(d, d.takeOneOf({"acquire", "release"})))
      d.fail("expected .sync_restrict");
    return;
  }
  if (!d.take("async"))
    return d.fail("expected .alias, .async, .async::generic or "
                  ".tensormap::generic");
  d.takeOneOf({"global", "shared::cta", "shared::cluster"});
}

void decodeFence(Decoder &d) {
  if (d.take("proxy"))
    return decodeProxyFence(d);
  if (!d.operands(0))
    return;
  if (d.take("mbarrier_init")) {
    d.out.run = initFence;
    if (!d.take("release") || !d.take("cluster"))
      d.fail("expected fence.mbarrier_init.release.cluster");
    return;
  }
  d.out.run = fence;
  int order = d.takeOneOf({"acquire", "release", "acq_rel", "sc"});
  if (order >= 0 && order < 2 && takeRestricted(d, order))
    return;
  if (!takeScope(d))
    d.fail("expected a scope: .cta, .cluster, .gpu or .sys");
}

void decodeMembar(Decoder &d) {
  d.out.run = fence;
  if (!d.operands(0))
    return;
  if (d.take("proxy") ? !d.take("alias")
                      : d.takeOneOf({"cta", "gl", "sys"}) < 0)
    d.fail("expected membar.cta, .gl, .sys or .proxy.alias");
}

} // namespace

void nybl::emu::addFenceOpcodes(OpcodeTable &table) {
  table["fence"] = decodeFence;
  table["membar"] = decodeMembar;
}
