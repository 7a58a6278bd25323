// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Handles given to programs. They are numbers, never used twice and never
// pointers, so a stale, foreign or invented one is refused instead of followed.
#ifndef NYBL_EMULATOR_DRIVER_HANDLES_H
#define NYBL_EMULATOR_DRIVER_HANDLES_H

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <vector>

namespace nybl::emu {

inline uint64_t nextHandle() {
  static std::atomic<uint64_t> next{(uint64_t(0x4e59) << 32) + 0x100};
  return next.fetch_add(0x10);
}

/// `Handle` is one of cuda.h's pointers to an incomplete type. Thread safe.
template <typename Handle, typename Object>
class Handles {
public:
  using Ref = std::shared_ptr<Object>;

  Handle add(Ref object) {
    uint64_t number = nextHandle();
    std::unique_lock lock(mutex);
    objects.emplace(number, std::move(object));
    return reinterpret_cast<Handle>(number);
  }
  /// Null for a handle that is not, or no longer, in use.
  Ref find(Handle handle) const {
    std::shared_lock lock(mutex);
    auto found = objects.find(reinterpret_cast<uint64_t>(handle));
    return found == objects.end() ? nullptr : found->second;
  }
  Ref remove(Handle handle) {
    std::unique_lock lock(mutex);
    auto found = objects.find(reinterpret_cast<uint64_t>(handle));
    if (found == objects.end())
      return nullptr;
    Ref object = std::move(found->second);
    objects.erase(found);
    return object;
  }
  /// Null for an object that is not in the table.
  Handle handleOf(const Ref &object) const {
    std::shared_lock lock(mutex);
    for (auto &[number, other] : objects)
      if (other == object)
        return reinterpret_cast<Handle>(number);
    return nullptr;
  }
  std::vector<Ref> all() const {
    std::shared_lock lock(mutex);
    std::vector<Ref> every;
    for (auto &[number, object] : objects)
      every.push_back(object);
    return every;
  }
  void removeIf(const std::function<bool(const Object &)> &matches) {
    std::unique_lock lock(mutex);
    std::erase_if(objects, [&](auto &o) { return matches(*o.second); });
  }

private:
  mutable std::shared_mutex mutex;
  std::map<uint64_t, Ref> objects;
};

} // namespace nybl::emu

#endif // NYBL_EMULATOR_DRIVER_HANDLES_H
