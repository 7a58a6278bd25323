// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A queue of kernels.

#include "tools/nybl/Ahead.h"

using namespace nybl;
using namespace nybl::cli;

Ahead::Ahead(const Workbench &bench, std::vector<Wanted> all, unsigned jobs)
    : bench(bench), wanted(std::move(all)), made(wanted.size()) {
  size_t count =
      jobs ? jobs : std::max(1u, std::thread::hardware_concurrency());
  for (size_t i = 0; i < std::min(count, wanted.size()); ++i)
    threads.emplace_back([this] { loop(); });
}

Ahead::~Ahead() {
  {
    std::lock_guard lock(mutex);
    stopped = true;
  }
  for (std::thread &thread : threads)
    thread.join();
}

void Ahead::loop() {
  std::unique_lock lock(mutex);
  while (!stopped && next < wanted.size()) {
    size_t i = next++;
    lock.unlock();
    auto plan = bench.prepare(wanted[i].problem, wanted[i].schedule);
    lock.lock();
    made[i].emplace(std::move(plan));
    changed.notify_all();
  }
}

std::optional<Expected<PreparedPlan>>
Ahead::take(size_t i, std::chrono::steady_clock::time_point until) {
  std::unique_lock lock(mutex);
  if (!changed.wait_until(lock, until, [&] { return made[i].has_value(); }))
    return std::nullopt;
  return std::exchange(made[i], std::nullopt);
}
