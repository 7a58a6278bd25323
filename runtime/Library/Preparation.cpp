// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A row of problems, and threads that take the next one until there is none.

#include "runtime/Library/Preparation.h"
#include <chrono>
#include <csignal>
#include <cstring>
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::library;

Expected<std::unique_ptr<Preparation>>
Preparation::start(std::shared_ptr<Device> device,
                   std::vector<std::string> problems,
                   const nybl_prepare_options &options, uint32_t threads) {
  std::unique_ptr<Preparation> made(new Preparation());
  made->device = std::move(device);
  made->problems = std::move(problems);
  made->outcomes.resize(made->problems.size());
  made->taken.resize(made->problems.size());
  made->keep(options);
  if (Status status = made->begin(threads); !status)
    return status;
  return made;
}

void Preparation::keep(const nybl_prepare_options &from) {
  options = from;
  const char **to[] = {&options.schedule, &options.template_text,
                       &options.dump_dir, &options.ptxas};
  for (size_t i = 0; i < std::size(texts); ++i)
    if (*to[i])
      *to[i] = (texts[i] = *to[i]).c_str();
}

/// Signals are for the caller's threads to handle.
Status Preparation::begin(uint32_t wanted) {
  size_t count = std::min<size_t>(std::max(wanted, 1u), problems.size());
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = 0;
  for (size_t i = 0; i < count && error == 0; ++i) {
    pthread_t thread;
    error = pthread_create(
        &thread, nullptr,
        [](void *self) -> void * {
          static_cast<Preparation *>(self)->work();
          return nullptr;
        },
        this);
    if (error == 0)
      threads.push_back(thread);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (count == 0 || !threads.empty()) // fewer are slower, and no worse
    return Status::ok();
  return Status::environment(
      fmt::format("expected a thread to prepare {} problems on, but none can "
                  "be started: {}",
                  problems.size(), std::strerror(error)));
}

void Preparation::work() {
  std::unique_lock lock(mutex);
  while (next < problems.size()) {
    size_t index = next++;
    lock.unlock();
    auto plan = prepare(device, problems[index].c_str(), options);
    lock.lock();
    outcomes[index].emplace(std::move(plan));
    ++done;
    changed.notify_all();
  }
}

Preparation::~Preparation() {
  {
    std::lock_guard lock(mutex);
    next = problems.size();
  }
  for (pthread_t thread : threads)
    pthread_join(thread, nullptr);
}

size_t Preparation::wait(int64_t milliseconds) {
  auto isOver = [&] { return done == problems.size(); };
  std::unique_lock lock(mutex);
  if (milliseconds < 0)
    changed.wait(lock, isOver);
  else // a day at a time is enough for anybody, and no clock overflows
    changed.wait_for(lock,
                     std::chrono::milliseconds(
                         std::min<int64_t>(milliseconds, 24 * 3600 * 1000)),
                     isOver);
  return done;
}

Expected<std::unique_ptr<Plan>> Preparation::take(size_t index) {
  if (index >= problems.size())
    return Status::invalid(fmt::format(
        "nybl_prepare_take: expected an index below {}, the number of "
        "problems, got {}",
        problems.size(), index));
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return outcomes[index].has_value(); });
  if (taken[index])
    return Status::invalid(fmt::format("nybl_prepare_take: the plan of problem "
                                       "{} was taken before",
                                       index));
  auto &outcome = *outcomes[index];
  if (!outcome)
    return outcome.status();
  taken[index] = true;
  return std::move(outcome);
}
