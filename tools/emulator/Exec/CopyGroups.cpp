// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Groups of asynchronous copies, lane by lane: those of cp.async and those of
// bulk copies. Groups complete in the order in which they were committed.

#include "tools/emulator/Exec/Cluster.h"

using namespace nybl::emu;

void nybl::emu::addToGroups(Warp &w, std::vector<CopyGroups> &groups,
                            uint64_t id) {
  if (id == 0)
    return;
  groups.resize(32);
  w.forActive([&](unsigned lane) { groups[lane].open.push_back(id); });
}

void nybl::emu::addToGroup(std::vector<CopyGroups> &groups, unsigned lane,
                           uint64_t id) {
  if (id == 0)
    return;
  groups.resize(32);
  groups[lane].open.push_back(id);
}

void nybl::emu::commitGroups(Warp &w, std::vector<CopyGroups> &groups) {
  if (groups.empty())
    return;
  w.forActive([&](unsigned lane) {
    groups[lane].committed.push_back(std::move(groups[lane].open));
    groups[lane].open.clear();
  });
}

void nybl::emu::waitForGroups(Warp &w, std::vector<CopyGroups> &groups,
                              uint64_t allowed, bool readOnly) {
  if (groups.empty())
    return;
  AsyncQueue &queue = w.cta.cluster.async;
  bool pending = false;
  w.forActive([&](unsigned lane) {
    auto &committed = groups[lane].committed;
    size_t due = committed.size() > allowed ? committed.size() - allowed : 0;
    for (size_t i = 0; i < due; ++i)
      for (uint64_t id : committed[i])
        if (readOnly)
          queue.read(id);
        else
          pending |= queue.isPending(id);
    for (size_t i = 0; w.races && i < due; ++i)
      for (uint64_t id : committed[i])
        if (readOnly || !queue.isPending(id))
          w.races->waitedFor(w, id, readOnly);
    if (!readOnly && !pending)
      committed.erase(committed.begin(),
                      committed.begin() + static_cast<long>(due));
  });
  if (pending)
    w.waitFor({Wait::CopyGroup});
}

std::vector<uint64_t> nybl::emu::allOf(const CopyGroups &groups) {
  std::vector<uint64_t> all = groups.open;
  for (const std::vector<uint64_t> &group : groups.committed)
    all.insert(all.end(), group.begin(), group.end());
  return all;
}
