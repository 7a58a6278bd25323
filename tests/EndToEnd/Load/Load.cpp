// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights and activations are shared by all; a thread has a stream, a D and a
// workspace.

#include "tests/EndToEnd/Load/Load.h"
#include "nybl/nybl.hpp"
#include "runtime/Abi/Problem.h"
#include "runtime/Driver/Memory.h"
#include "tests/Oracle/Data.h"
#include "tools/emulator/include/nybl-emu.h"
#include <algorithm>
#include <atomic>
#include <dlfcn.h>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

using namespace nybl;
using namespace nybl::load;

namespace {

constexpr int64_t gap = 16; ///< bytes behind each row of D
constexpr uint8_t untouched = 0xa5;
constexpr size_t activationSets = 2;
/// Half of the requests have one of these, the others any from 1 on.
constexpr int64_t mixedRows[] = {1, 2, 3, 7, 8, 16, 17, 31, 33, 64, 65, 200};

driver::Buffer bufferOf(const std::shared_ptr<const driver::Device> &device,
                        const std::vector<uint8_t> &bytes) {
  auto made = driver::Buffer::allocate(device, bytes.size());
  if (!made || !made->upload(0, bytes.data(), bytes.size()))
    return {};
  return std::move(*made);
}

/// Codes and scales on the device; padding of the scales is NaN.
struct Matrix {
  driver::Buffer codes, factors;
  nybl_matrix matrix;
  nybl_scales scales;

  Matrix(const std::shared_ptr<const driver::Device> &device, int64_t rows,
         int64_t k, ScaleLayout layout, uint64_t seed) {
    auto values = oracle::randomMatrix(rows, k, seed);
    std::vector<uint8_t> packed(byteSize(layout, rows, k / 16), 0x7f);
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t block = 0; block < k / 16; ++block)
        packed[byteOffset(layout, k / 16, row, block)] =
            values.scale(row, block);
    codes = bufferOf(device, values.codes);
    factors = bufferOf(device, packed);
    matrix = {codes.address(), codes.bytes(), k / 2};
    scales = {factors.address(), factors.bytes(), rows,
              static_cast<uint32_t>(layout), 1};
  }
};

/// A kind with its operands, and its plan from the first request on.
struct Served {
  GemmProblem problem;
  std::vector<Matrix> activations;
  Matrix weights;
  std::atomic<nybl_plan *> plan = nullptr;

  Served(const std::shared_ptr<const driver::Device> &device, const Kind &kind,
         uint64_t seed)
      : problem(*parseProblem(kind.line)),
        weights(device, problem.n, problem.k, problem.sfb, seed) {
    for (size_t set = 0; set < activationSets; ++set)
      activations.emplace_back(device, kind.mostRows, problem.k, problem.sfa,
                               seed + 100 + set);
  }
  ~Served() { nybl_plan_destroy(plan); }

  int64_t stride() const { return problem.n * byteWidth(problem.d) + gap; }
  size_t bytes(int64_t m) const { return static_cast<size_t>(m * stride()); }
};

/// What a thread has of its own.
struct Lane {
  driver::Stream stream;
  driver::Buffer d, workspace;
};

/// One library and device, with all kinds.
class Server {
public:
  explicit Server(const Day &day) : day(day) {
    auto options = face::sized<nybl_library_options>();
    options.jit_path = day.jit.empty() ? nullptr : day.jit.c_str();
    options.cache_path = "";
    options.compile = day.jit.empty() ? NYBL_COMPILE_DEFAULT
                                      : NYBL_COMPILE_IN_PROCESS; // which counts
    auto deviceOptions = face::sized<nybl_device_options>();
    deviceOptions.driver_path = NYBL_TEST_EMULATOR;
    auto driver = driver::Driver::open(NYBL_TEST_EMULATOR);
    auto opened = driver ? driver::Device::open(*driver, 0) : driver.status();
    if (!opened || face::Library::create(options, library) != NYBL_OK ||
        library.open(deviceOptions, device) != NYBL_OK) {
      fail(opened ? nybl_last_error() : opened.message());
      return;
    }
    memory = *opened;
    for (size_t i = 0; i < day.kinds.size(); ++i)
      kinds.push_back(
          std::make_unique<Served>(memory, day.kinds[i], 1000 * (i + 1)));
    outcome.served.resize(kinds.size());
  }

  std::optional<Lane> lane() {
    if (!memory)
      return std::nullopt;
    auto stream = driver::Stream::create(memory);
    uint64_t most = 0;
    for (size_t i = 0; i < kinds.size(); ++i)
      most = std::max(most, kinds[i]->bytes(day.kinds[i].mostRows + 1));
    auto d = driver::Buffer::allocate(memory, most);
    if (!stream || !d)
      return fail("no memory for a thread's output"), std::nullopt;
    return Lane{std::move(*stream), std::move(*d), {}};
  }

  /// D's rows, what lies between them, and a row more; empty: failed.
  std::vector<uint8_t> serve(Lane &lane, const Request &request);

  const Day &day;
  face::Library library;
  face::Device device;
  std::shared_ptr<const driver::Device> memory;
  std::vector<std::unique_ptr<Served>> kinds;
  std::mutex mutex; ///< of the outcome
  Outcome outcome;

  void fail(const std::string &message) {
    std::lock_guard lock(mutex);
    outcome.errors.push_back(message);
  }
  void finish();

private:
  nybl_plan *planOf(size_t kind);
  nybl_gemm_args argumentsOf(const Request &request, const Lane &lane) const;
  bool addWorkspace(Lane &lane, nybl_plan *plan, nybl_gemm_args &args);

  std::atomic<int> preparing = 0;
};

/// Whoever comes while there is none asks for it too.
nybl_plan *Server::planOf(size_t kind) {
  Served &served = *kinds[kind];
  if (nybl_plan *plan = served.plan.load())
    return plan;
  auto options = face::sized<nybl_prepare_options>();
  options.schedule = day.kinds[kind].schedule.c_str();
  options.all_classes = day.kinds[kind].allClasses;
  nybl_plan *made = nullptr, *first = nullptr;
  ++preparing;
  nybl_status status =
      nybl_prepare(device.get(), day.kinds[kind].line.c_str(), &options, &made);
  --preparing;
  if (status != NYBL_OK)
    return fail(nybl_last_error()), nullptr;
  if (served.plan.compare_exchange_strong(first, made))
    return made;
  nybl_plan_destroy(made);
  return first;
}

nybl_gemm_args Server::argumentsOf(const Request &request,
                                   const Lane &lane) const {
  const Served &served = *kinds[request.kind];
  const Matrix &a = served.activations[request.activations];
  auto args = face::sized<nybl_gemm_args>();
  args.m = request.m;
  args.a = a.matrix;
  args.a_scales = a.scales;
  args.b = served.weights.matrix;
  args.b_scales = served.weights.scales;
  args.d = {lane.d.address(), served.bytes(request.m), served.stride()};
  args.stream = lane.stream.handle();
  args.alpha = {NYBL_SCALAR_HOST, NYBL_CONVENTION_DECODE, 0,
                request.activations ? 0.001f : 0.25f, 0};
  return args;
}

/// One for all launches of the thread, whoever needs it: each leaves it zero.
bool Server::addWorkspace(Lane &lane, nybl_plan *plan, nybl_gemm_args &args) {
  uint64_t bytes = 0;
  if (nybl_plan_workspace(plan, args.m, &bytes) != NYBL_OK)
    return fail(nybl_last_error()), false;
  if (bytes > lane.workspace.bytes())
    lane.workspace = bufferOf(memory, std::vector<uint8_t>(bytes));
  args.workspace = lane.workspace.address();
  args.workspace_bytes = lane.workspace.bytes();
  return true;
}

std::vector<uint8_t> Server::serve(Lane &lane, const Request &request) {
  nybl_plan *plan = planOf(request.kind);
  nybl_gemm_args args = argumentsOf(request, lane);
  if (!plan || !addWorkspace(lane, plan, args))
    return {};
  std::vector<uint8_t> d(kinds[request.kind]->bytes(request.m + 1), untouched);
  if (Status put = lane.d.upload(0, d.data(), d.size()); !put)
    return fail(put.message()), std::vector<uint8_t>();
  bool beside = preparing > 0;
  if (nybl_launch(plan, &args) != NYBL_OK)
    return fail(nybl_last_error()), std::vector<uint8_t>();
  Status done = lane.stream.synchronize();
  if (done)
    done = lane.d.download(0, d.data(), d.size());
  if (!done)
    return fail(done.message()), std::vector<uint8_t>();
  std::lock_guard lock(mutex);
  ++outcome.served[request.kind];
  outcome.besideCompiles += beside;
  return d;
}

/// Counts kernels, and collects what the emulator found.
void Server::finish() {
  for (auto &kind : kinds) {
    auto details = face::sized<nybl_plan_details>();
    if (kind->plan && nybl_plan_info(kind->plan, &details) == NYBL_OK)
      outcome.compiled += std::string(details.origin) == "compiler";
  }
  void *emulator = ::dlopen(NYBL_TEST_EMULATOR, RTLD_NOW | RTLD_NOLOAD);
  if (!emulator)
    return fail("the emulator is not loaded");
  auto find = [&](const char *name) { return ::dlsym(emulator, name); };
  auto *count = reinterpret_cast<decltype(nyblEmuReportCount) *>(
      find("nyblEmuReportCount"));
  auto *text = reinterpret_cast<decltype(nyblEmuReportText) *>(
      find("nyblEmuReportText"));
  for (size_t i = 0; i < count(); ++i) {
    char line[1024];
    text(i, line, sizeof line);
    fail(line);
  }
}

} // namespace

Request nybl::load::requestOf(const Day &day, size_t number) {
  oracle::Random random(number);
  size_t cold = day.kinds.size() - day.warm;
  size_t up = std::min(cold, 2 * cold * number / day.requests + 1);
  Request request;
  request.kind =
      static_cast<size_t>(random.between(0, int64_t(day.warm + up) - 1));
  request.activations =
      static_cast<size_t>(random.between(0, activationSets - 1));
  int64_t most = day.kinds[request.kind].mostRows;
  int64_t edge = mixedRows[random.between(0, std::size(mixedRows) - 1)];
  request.m =
      random.between(0, 1) ? std::min(edge, most) : random.between(1, most);
  return request;
}

std::vector<size_t> nybl::load::servedOf(const Day &day) {
  std::vector<size_t> served(day.kinds.size());
  for (size_t i = 0; i < day.requests; ++i)
    ++served[requestOf(day, i).kind];
  return served;
}

Answers nybl::load::serveAlone(const Day &day, Outcome &outcome) {
  Answers answers;
  Server server(day);
  auto lane = server.lane();
  for (size_t i = 0; lane && i < day.requests && server.outcome.errors.empty();
       ++i)
    if (Request request = requestOf(day, i); !answers.contains(request))
      answers[request] = server.serve(*lane, request);
  server.finish();
  outcome = server.outcome;
  return answers;
}

bool nybl::load::allDiffer(const Answers &answers) {
  std::set<std::vector<uint8_t>> seen;
  return std::ranges::all_of(
      answers, [&](const auto &one) { return seen.insert(one.second).second; });
}

Outcome nybl::load::serve(const Day &day, const Answers &expected) {
  Server server(day);
  std::atomic<size_t> next = 0;
  auto work = [&] {
    auto lane = server.lane();
    for (size_t i; lane && (i = next++) < day.requests;) {
      Request request = requestOf(day, i);
      if (server.serve(*lane, request) == expected.at(request))
        continue;
      std::lock_guard lock(server.mutex);
      server.outcome.wrong.push_back(i);
    }
  };
  std::vector<std::thread> threads;
  for (size_t i = 0; i < day.threads; ++i)
    threads.emplace_back(work);
  for (std::thread &thread : threads)
    thread.join();
  server.finish();
  std::ranges::sort(server.outcome.wrong);
  return server.outcome;
}
