// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Running launches: a finding becomes the context's error.

#include "tools/emulator/Driver/Work.h"
#include "tools/emulator/include/nybl-emu.h"

#include <optional>

using namespace nybl::emu;

static CUresult errorOf(FindingKind kind) {
  switch (kind) {
  case FindingKind::OutOfBounds:
  case FindingKind::UseAfterFree:
    return CUDA_ERROR_ILLEGAL_ADDRESS;
  case FindingKind::Misaligned:
    return CUDA_ERROR_MISALIGNED_ADDRESS;
  case FindingKind::Assertion:
    return CUDA_ERROR_ASSERT;
  case FindingKind::Timeout:
    return CUDA_ERROR_LAUNCH_TIMEOUT;
  default:
    return CUDA_ERROR_LAUNCH_FAILED;
  }
}

/// Files what the launch found and counted.
static CUresult conclude(State &s, LaunchResult result) {
  {
    std::lock_guard lock(s.mutex);
    s.lastLaunch = result.counters;
    s.lastLines = std::move(result.lines);
  }
  for (const Report &report : result.reports)
    s.findings.add(report, s.settings.report);
  return result.reports.empty() ? CUDA_SUCCESS
                                : errorOf(result.reports.front().kind);
}

static LaunchConfig configOf(const State &s, const KernelWork &work) {
  LaunchConfig config = work.config;
  config.hostThreads = s.settings.hostThreads;
  config.multiprocessors = s.settings.multiprocessors;
  config.checks = s.checks;
  config.poison = s.poison;
  config.policy = s.policy;
  config.seed = s.seed;
  config.maxSteps = s.settings.maxSteps;
  config.numericModel = s.numerics;
  config.races = s.races;
  config.strictProxyFence = s.strictProxyFence;
  config.axiomMmaBeforeCp = s.axioms & NYBL_EMU_AXIOM_MMA_BEFORE_CP;
  config.axiomUsedLoadIsComplete =
      s.axioms & NYBL_EMU_AXIOM_USED_LOAD_IS_COMPLETE;
  config.count = s.count;
  config.cooperative = work.cooperative;
  return config;
}

CUresult nybl::emu::performKernel(State &s, const KernelWork &work) {
  return conclude(s, runLaunch(s, work, configOf(s, work)));
}

namespace {

class StreamLaunch : public LaunchWork {
public:
  StreamLaunch(State &s, std::shared_ptr<Context> context, KernelWork work)
      : s(s), context(std::move(context)), work(std::move(work)) {
    for (const std::shared_ptr<Event> &event : this->work.events) {
      events.push_back(std::make_shared<Completion>());
      event->set(events.back());
    }
  }

  GlobalMemory::Use useMemory() override { return s.memory.use(); }

  bool mayBeginEarly() const override {
    return work.programmatic && s.policy != SchedulePolicy::Lazy &&
           !tracesLabels(s);
  }

  void begin(bool early, std::function<void()> onTrigger) override {
    if (context->stickyError() != CUDA_SUCCESS)
      return;
    LaunchConfig config = configOf(s, work);
    config.hasPrerequisites = early;
    if (!early && tracesLabels(s)) {
      traced = runLaunch(s, work, config);
      return;
    }
    const Function &f = *work.function;
    run = startKernel(*f.module->program, *f.kernel, config,
                      work.parameters.data(), s.memory);
    run->onTriggered = [this, onTrigger = std::move(onTrigger)] {
      finishEvents();
      onTrigger();
    };
    run->advance();
  }

  void finish() override {
    // An error of the launch ahead stops this one where it is.
    bool goesOn = run && context->stickyError() == CUDA_SUCCESS;
    if (goesOn) {
      run->prerequisitesComplete();
      run->advance();
      context->fail(conclude(s, run->takeResult()));
    }
    if (traced)
      context->fail(conclude(s, std::move(*traced)));
    traced.reset();
    run.reset();
    finishEvents();
  }

private:
  void finishEvents() {
    for (const std::shared_ptr<Completion> &event : events)
      event->finish();
    events.clear();
  }

  State &s;
  std::shared_ptr<Context> context;
  KernelWork work;
  std::unique_ptr<GridRun> run;
  std::optional<LaunchResult> traced; ///< it has run already
  std::vector<std::shared_ptr<Completion>> events;
};

} // namespace

std::shared_ptr<LaunchWork>
nybl::emu::makeLaunchWork(State &s, std::shared_ptr<Context> context,
                          KernelWork work) {
  return std::make_shared<StreamLaunch>(s, std::move(context), std::move(work));
}
