// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Vector clocks. An agent is a warp or an asynchronous operation's slot; its
// epoch grows whenever it publishes what it has done.
#ifndef NYBL_EMULATOR_EXEC_RACECLOCK_H
#define NYBL_EMULATOR_EXEC_RACECLOCK_H

#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

namespace nybl::emu {

/// The number of a cluster, and an index within it: warps, then slots.
using Agent = uint32_t;
inline constexpr unsigned agentBits = 12;
inline constexpr uint32_t agentMask = (1u << agentBits) - 1;

/// For each agent, up to which of its epochs everything is known.
class Clock {
public:
  uint32_t of(Agent agent) const {
    if (agent >> agentBits == cluster)
      return at(own, agent & agentMask);
    auto found = others.find(agent >> agentBits);
    return found == others.end() ? 0 : at(found->second, agent & agentMask);
  }
  void set(Agent agent, uint32_t epoch) {
    uint32_t home = agent >> agentBits;
    if (own.empty())
      cluster = home;
    std::vector<uint32_t> &epochs = home == cluster ? own : others[home];
    if (epochs.size() <= (agent & agentMask))
      epochs.resize((agent & agentMask) + 1);
    epochs[agent & agentMask] = std::max(epochs[agent & agentMask], epoch);
  }
  bool empty() const { return own.empty(); }
  void join(const Clock &from) {
    if (from.own.empty())
      return;
    if (own.empty())
      cluster = from.cluster;
    joinEpochs(from.cluster, from.own);
    for (const auto &[home, epochs] : from.others)
      joinEpochs(home, epochs);
  }

private:
  static uint32_t at(const std::vector<uint32_t> &epochs, uint32_t index) {
    return index < epochs.size() ? epochs[index] : 0;
  }
  void joinEpochs(uint32_t home, const std::vector<uint32_t> &from) {
    std::vector<uint32_t> &to = home == cluster ? own : others[home];
    if (to.size() < from.size())
      to.resize(from.size());
    for (size_t i = 0; i < from.size(); ++i)
      to[i] = std::max(to[i], from[i]);
  }

  uint32_t cluster = 0; ///< of `own`
  std::vector<uint32_t> own;
  std::map<uint32_t, std::vector<uint32_t>> others; ///< by cluster
};

/// What somebody knows to have happened.
struct Knowledge {
  Clock generic;      ///< for ordinary accesses
  Clock async;        ///< made visible to the async proxy
  Clock inits;        ///< initialisations of mbarriers
  Clock fenced;       ///< that somebody has executed a fence after
  uint32_t begun = 0; ///< by rank: CTAs of the own cluster that have begun

  void join(const Knowledge &from) {
    begun |= from.begun;
    generic.join(from.generic);
    async.join(from.async);
    inits.join(from.inits);
    fenced.join(from.fenced);
  }
  void set(Agent agent, uint32_t epoch) {
    generic.set(agent, epoch);
    async.set(agent, epoch);
    inits.set(agent, epoch);
  }
};

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_RACECLOCK_H
