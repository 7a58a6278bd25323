// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Check, then time.

#include "tools/nybl/SpeedTest.h"

using namespace nybl;
using namespace nybl::cli;

namespace {

/// Sets of operands, which launches take by turns.
constexpr uint64_t turns = 3;
/// Elements of D that are looked at.
constexpr size_t looks = 512;

} // namespace

GemmProblem nybl::cli::problemOf(const Layer &layer) {
  GemmProblem problem;
  problem.m = Extent::fixed(layer.m);
  problem.n = layer.n;
  problem.k = layer.k;
  problem.sfa = problem.sfb = ScaleLayout::T128x4;
  return problem;
}

Expected<std::vector<DeviceProduct>> SpeedTest::upload(const Layer &layer) {
  std::vector<DeviceProduct> operands;
  for (uint64_t seed = 0; seed < turns; ++seed) {
    // cuBLASLt wants zeros in the padding of scale factors.
    auto one = bench.upload(Product::make(problemOf(layer), layer.m, seed),
                            /*padded=*/false, /*scalePad=*/0);
    if (!one && operands.empty())
      return one.status();
    if (!one)
      break; // fewer, where memory is short
    operands.push_back(std::move(*one));
  }
  return operands;
}

Expected<Measured> SpeedTest::measure(const Launch &launch) {
  auto watch = Stopwatch::make(bench.device());
  if (!watch)
    return watch.status();
  // An idle device lowers its clocks at once, so they are read while it works.
  std::vector<ClockReading> readings;
  auto timing = watch->time(bench.isEmulated() ? 1 : runs, launch, [&] {
    if (auto reading = clocks ? clocks->now() : std::nullopt)
      readings.push_back(*reading);
  });
  if (!timing)
    return timing.status();
  Measured measured;
  measured.timing = *timing;
  measured.clocks = medianOf(readings);
  return measured;
}

Expected<Measured> SpeedTest::measurePeer(const Layer &layer,
                                          std::vector<DeviceProduct> &operands,
                                          const Reference &expected) {
  std::vector<CublasMatmul> products;
  for (const DeviceProduct &one : operands) {
    auto made = CublasMatmul::make(peer, problemOf(layer), one);
    if (!made)
      return made.status();
    products.push_back(std::move(*made));
  }
  if (Status status = operands[0].d.buffer.fill(Memory::unwritten); !status)
    return status;
  auto measured = measure([&](const driver::Stream &stream, int run) {
    return products[static_cast<size_t>(run) % products.size()].launch(stream);
  });
  if (!measured)
    return measured;
  auto d = bench.readBack(operands[0]);
  if (!d)
    return d.status();
  measured->wrong = expected.check(*d).message();
  return measured;
}

Expected<Speed> SpeedTest::time(const Layer &layer) {
  auto plan = bench.prepare(print(problemOf(layer)), "");
  if (!plan)
    return plan.status();
  auto operands = upload(layer);
  if (!operands)
    return operands.status();
  Reference expected =
      Reference::onHost(Product::make(problemOf(layer), layer.m, 0), looks);
  Speed speed;
  speed.layer = layer;
  speed.schedule = plan->manifest.schedule;
  speed.tuned = plan->tuned;
  speed.problemClass = plan->problemClass;
  speed.origin = plan->origin;
  speed.bytes = operands->front().bytes();
  auto d = bench.run(plan->plan, operands->front());
  if (!d)
    return d.status();
  auto measured = measure([&](const driver::Stream &stream, int run) {
    return bench.launch(
        plan->plan, (*operands)[static_cast<size_t>(run) % operands->size()],
        stream);
  });
  if (!measured)
    return measured.status();
  speed.ours = std::move(*measured);
  speed.ours.wrong = expected.check(*d).message();
  if (!peer)
    return speed;
  auto theirs = measurePeer(layer, *operands, expected);
  if (theirs)
    speed.peer = std::move(*theirs);
  else {
    speed.peer.emplace();
    speed.peer->wrong = theirs.message();
  }
  return speed;
}
