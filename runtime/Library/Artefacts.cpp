// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A kernel from whoever has it.

#include "runtime/Library/Artefacts.h"
#include "runtime/Abi/ChipFamily.h"
#include "runtime/Abi/FreeSizes.h"
#include "runtime/Abi/LeastDriver.h"
#include "runtime/Abi/Problem.h"
#include "runtime/Library/Fingerprint.h"
#include "runtime/Support/Digest.h"
#include "runtime/Support/File.h"
#include "runtime/Support/PtxAs.h"
#include <chrono>
#include <fmt/format.h>
#include <map>

using namespace nybl;
using namespace nybl::library;

namespace {

/// While it lives, nobody else in this process has it for the same key.
class Turn {
public:
  explicit Turn(const std::string &key) {
    static std::mutex mutex;
    static std::map<std::string, std::weak_ptr<std::mutex>> turns;
    {
      std::lock_guard lock(mutex);
      std::erase_if(turns, [](const auto &t) { return t.second.expired(); });
      auto &known = turns[key];
      if (!(own = known.lock()))
        known = own = std::make_shared<std::mutex>();
    }
    own->lock();
  }
  ~Turn() { own->unlock(); }
  Turn(const Turn &) = delete;
  Turn &operator=(const Turn &) = delete;

private:
  std::shared_ptr<std::mutex> own;
};

class Watch {
public:
  /// [{"phase": name, "ms": time since construction}]
  std::string phases(const char *name) const {
    std::chrono::duration<double, std::milli> taken =
        std::chrono::steady_clock::now() - start;
    return fmt::format("[{{\"phase\": \"{}\", \"ms\": {:.3f}}}]", name,
                       taken.count());
  }

private:
  std::chrono::steady_clock::time_point start =
      std::chrono::steady_clock::now();
};

const char *orEmpty(const char *text) { return text ? text : ""; }

/// The request, but for who would compile it.
Expected<KernelRequest> requestOf(const Wish &wish) {
  KernelRequest request;
  request.problem = wish.problemClass;
  request.chip = wish.chip;
  request.schedule = orEmpty(wish.schedule);
  if (wish.templateText) {
    request.templateDigest = sha256(wish.templateText);
    if (request.templateDigest.empty())
      return Status::environment("libcrypto gives no SHA-256, by which "
                                 "templates are told apart: look at its "
                                 "configuration");
  }
  return request;
}

/// What was asked for is what came.
Status checkAnswer(const Manifest &manifest, const KernelRequest &request,
                   const char *who) {
  if (manifest.problem == request.problem && manifest.chip == request.chip)
    return Status::ok();
  return Status::environment(fmt::format(
      "expected a kernel for '{}' on {}, but {} one for '{}' on {}",
      request.problem, request.chip, who, manifest.problem, manifest.chip));
}

/// The kernel with its manifest read.
Expected<Artefact> artefactOf(bundle::Kernel kernel, const char *who) {
  auto manifest = parseManifest(kernel.manifest);
  if (!manifest)
    return manifest.status();
  if (Status status = checkAnswer(*manifest, kernel.request, who); !status)
    return status;
  Artefact artefact;
  artefact.manifest = std::move(*manifest);
  artefact.kernel = std::move(kernel);
  return artefact;
}

std::string inNone(std::string_view chip) {
  std::string_view family = familyTargetOf(chip);
  return family.empty() ? " in any bundle"
                        : fmt::format(", nor on {}, in any bundle", family);
}

/// NotFound says what would have made the kernel.
Status withCommand(const Status &status, const KernelRequest &request,
                   bool anyBundle) {
  if (status.code() != ErrorCode::NotFound)
    return status;
  std::string options =
      request.schedule.empty()
          ? ""
          : fmt::format(" --schedule \"{}\"", request.schedule);
  if (!request.templateDigest.empty())
    options += " --template FILE";
  return Status::error(
      ErrorCode::NotFound,
      fmt::format("no kernel for '{}' on {}{}, and {}; where there is a "
                  "compiler, `echo \"{}\" | nybl bundle - --chips {}{} -o "
                  "kernels.nybl` makes a bundle that has it",
                  request.problem, request.chip,
                  anyBundle ? inNone(request.chip) : "", status.message(),
                  request.problem, request.chip, options));
}

/// Why the driver cannot load a kernel of a bundle; empty where it can.
std::string tooNewFor(int driverVersion, const Artefact &artefact) {
  int least = leastDriverOfPtx(artefact.manifest);
  if (driverVersion == 0 || driverVersion >= least)
    return "";
  return fmt::format("{} has a kernel for '{}' on {} that needs a driver of "
                     "CUDA {} or later, and this one is of CUDA {}",
                     artefact.origin, artefact.manifest.problem,
                     artefact.manifest.chip, driverText(least),
                     driverText(driverVersion));
}

/// The classes whose kernels serve the problem's own too, the narrowest first:
/// of more rows, or without weights=static, which waits for more.
std::vector<GemmProblem> widerClasses(const GemmProblem &own) {
  std::vector<GemmProblem> classes;
  for (std::optional next(own); next; next = widerClass(*next)) {
    if (*next != own)
      classes.push_back(*next);
    if (!next->staticWeights)
      continue;
    classes.push_back(*next);
    classes.back().staticWeights = false;
  }
  return classes;
}

/// How good a kernel of another class is.
const char *remark(const Manifest &manifest, const std::string &problemClass) {
  auto served = parseProblem(manifest.problem),
       own = parseProblem(problemClass);
  if (served && served->isGeneric())
    return "the generic one of any n and k, right but slow";
  return served && own && served->m == own->m
             ? "right but it waits for the weights too"
             : "right but not made for so few rows";
}

} // namespace

Artefacts::Artefacts(std::string jitPath, cache::Settings settings, Log l,
                     CompileSettings compiling)
    : jitPath(std::move(jitPath)),
      cache(std::move(settings),
            [l](const std::string &message) { l(NYBL_LOG_WARNING, message); }),
      log(std::move(l)), compiling(compiling) {}

Status Artefacts::addBundle(const std::string &path) {
  auto bytes = readFile(path);
  return bytes ? addBundle(std::move(*bytes), path) : bytes.status();
}

Status Artefacts::addBundle(std::string bytes, const std::string &name) {
  auto content = bundle::Bundle::read(std::move(bytes));
  if (!content)
    return Status::invalid(fmt::format("'{}': {}", name, content.message()));
  bundles.push_back({name, std::move(*content)});
  return Status::ok();
}

Expected<Provider> Artefacts::provider() {
  std::lock_guard lock(mutex);
  if (loaded)
    return jit;
  auto found = Provider::load(jitPath);
  if (!found)
    return found.status();
  jit = *found;
  loaded = true;
  return jit;
}

Expected<Compilation> Artefacts::run(const NyblCompileRequest &request) {
  if (!compiling.isInProcess) {
    auto file = Provider::find(jitPath);
    if (!file)
      return file.status();
    bool isStarted = false;
    auto made = child.compile(*file, request, compiling.limit, isStarted);
    if (made || isStarted)
      return made;
    if (!compiling.mayFallBack)
      return Status::environment(made.message());
    log(NYBL_LOG_WARNING,
        made.message() + "; the compiler runs in this process, which it ends "
                         "if it ends itself (NYBL_COMPILE)");
  }
  auto provider = this->provider();
  if (!provider)
    return provider.status();
  return provider->compile(request);
}

/// The chip's own before its family's: whoever made a bundle with both has one
/// that is made for this chip alone. The family's PTX is of a newer version, so
/// the driver may load what the compiler makes for the chip, and not that.
std::optional<Expected<Artefact>>
Artefacts::findInBundles(const KernelRequest &request, Search &search) {
  auto own = findRow(request);
  std::string_view family = familyTargetOf(request.chip);
  if (own || family.empty())
    return own;
  KernelRequest ofFamily = request;
  ofFamily.chip = family;
  auto shared = findRow(ofFamily);
  if (!shared || !*shared)
    return shared;
  std::string why = tooNewFor(search.driverVersion, **shared);
  if (!why.empty()) {
    log(NYBL_LOG_WARNING, why + ": it is passed over");
    if (search.passedOver.empty())
      search.passedOver = why;
    return std::nullopt;
  }
  (*shared)->origin += fmt::format(", for {}", family);
  return shared;
}

std::optional<Expected<Artefact>>
Artefacts::findRow(const KernelRequest &request) {
  Watch watch;
  for (const OpenBundle &bundle : bundles) {
    const bundle::Row *row = bundle.content.find(request);
    if (!row)
      continue;
    auto kernel = bundle.content.kernel(*row);
    auto artefact = kernel ? artefactOf(std::move(*kernel), "it has")
                           : Expected<Artefact>(kernel.status());
    if (!artefact)
      return Expected<Artefact>(
          Status::error(artefact.status().code(),
                        fmt::format("'{}': {}; make the bundle anew",
                                    bundle.path, artefact.message())));
    artefact->phases = watch.phases("bundle");
    artefact->origin = "bundle " + bundle.path;
    return artefact;
  }
  return std::nullopt;
}

Expected<Artefacts::Tools> Artefacts::findTools(const Wish &wish) const {
  auto file = Provider::find(jitPath);
  if (!file)
    return file.status();
  auto fingerprint = readFingerprint(*file);
  if (!fingerprint)
    return fingerprint.status();
  auto ptxas = findPtxAs(orEmpty(wish.ptxas), *file);
  if (ptxas)
    return Tools{*fingerprint, ptxas->path, ptxas->version};
  if (ptxas.status().code() == ErrorCode::NotFound && !wish.driver.empty())
    return Tools{*fingerprint, "", wish.driver};
  return ptxas.status();
}

std::optional<Artefact>
Artefacts::findInCache(const KernelRequest &request) const {
  auto kernel = cache.find(request);
  if (!kernel)
    return std::nullopt;
  auto artefact = artefactOf(std::move(*kernel), "the cache has");
  if (!artefact) { // of whole bytes: whoever wrote them is at fault
    log(NYBL_LOG_WARNING, "the cache of kernels: " + artefact.message());
    return std::nullopt;
  }
  artefact->origin = "cache";
  return std::move(*artefact);
}

Expected<Artefact> Artefacts::compile(const Wish &wish, KernelRequest request,
                                      const Expected<Tools> &tools,
                                      Search &search) {
  NyblCompileRequest asked = {};
  asked.problem = wish.problemClass.c_str();
  asked.chip = wish.chip.c_str();
  asked.schedule = wish.schedule;
  asked.template_text = wish.templateText;
  asked.dump_dir = wish.dumpDir;
  bool isForDriver = tools && tools->ptxasPath.empty();
  bool isKnown = tools && !isForDriver;
  asked.ptxas = isKnown ? tools->ptxasPath.c_str() : wish.ptxas;
  asked.ptxas_version = isKnown ? tools->ptxasVersion.c_str() : nullptr;
  asked.emit = isForDriver ? "ptx" : nullptr;
  asked.verify_each = wish.verifyEach;
  auto compilation = run(asked);
  if (!compilation)
    return withCommand(compilation.status(), request,
                       !bundles.empty() && search.passedOver.empty());
  search.isAnswered = true;
  Artefact artefact;
  artefact.kernel = {std::move(request), std::move(compilation->manifest),
                     std::move(compilation->ptx),
                     std::move(compilation->cubin)};
  artefact.phases = std::move(compilation->phases);
  artefact.origin = "compiler";
  auto manifest = parseManifest(artefact.kernel.manifest);
  if (!manifest)
    return Status::environment("the compiler's manifest: " +
                               manifest.message());
  artefact.manifest = std::move(*manifest);
  if (artefact.kernel.request.compiler.empty()) { // nobody had to know
    artefact.kernel.request.compiler = artefact.manifest.compiler;
    artefact.kernel.request.ptxas =
        isForDriver ? tools->ptxasVersion : artefact.manifest.ptxas;
  }
  if (Status status = checkAnswer(artefact.manifest, artefact.kernel.request,
                                  "the compiler made");
      !status)
    return Status::environment(status.message() +
                               ": install libnybl_jit.so of this version");
  log(NYBL_LOG_INFO,
      fmt::format("compiled '{}' for {}", wish.problemClass, wish.chip));
  return artefact;
}

void Artefacts::store(const Artefact &artefact) const {
  const KernelRequest &request = artefact.kernel.request;
  const Manifest &manifest = artefact.manifest;
  bool isForDriver = manifest.ptxas.empty() && artefact.kernel.cubin.empty();
  if (manifest.compiler == request.compiler &&
      (manifest.ptxas == request.ptxas || isForDriver))
    return cache.store(artefact.kernel);
  log(NYBL_LOG_WARNING,
      fmt::format("the cache of kernels: expected a kernel of '{}' with ptxas "
                  "{}, but '{}' with ptxas {} made it: it is not kept",
                  request.compiler, request.ptxas, manifest.compiler,
                  manifest.ptxas));
}

/// In bundles, or in the cache of these very tools.
std::optional<Artefact> Artefacts::findOf(const GemmProblem &problemClass,
                                          KernelRequest request,
                                          const Expected<Tools> &tools,
                                          Search &search) {
  Watch watch;
  request.problem = print(problemClass);
  if (auto found = findInBundles(request, search)) {
    if (*found)
      return std::move(**found);
    log(NYBL_LOG_WARNING, found->message());
  }
  if (!tools)
    return std::nullopt;
  request.compiler = tools->fingerprint;
  request.ptxas = tools->ptxasVersion;
  auto found = findInCache(request);
  if (found)
    found->phases = watch.phases("cache");
  return found;
}

/// Of the narrowest class that there is, and at last of any N and K.
std::optional<Artefact> Artefacts::findWider(const Wish &wish,
                                             const KernelRequest &request,
                                             Search &search) {
  auto problem = parseProblem(wish.problemClass);
  if (!problem) // a quantisation: there is one class
    return std::nullopt;
  // What the cache has, nobody verified anew.
  auto tools = cache.isOn() && !wish.verifyEach
                   ? findTools(wish)
                   : Expected<Tools>(Status::environment("no cache"));
  for (const GemmProblem &next : widerClasses(*problem))
    if (auto found = findOf(next, request, tools, search))
      return found;
  if (problem->isGeneric() || wish.schedule || wish.templateText)
    return std::nullopt;
  auto generic = findOf(genericClass(*problem), request, tools, search);
  Status fits =
      generic ? checkSizes(generic->manifest, *problem) : Status::ok();
  if (fits)
    return generic;
  log(NYBL_LOG_WARNING, fits.message());
  return std::nullopt;
}

Expected<Artefact> Artefacts::make(const Wish &wish) {
  auto request = requestOf(wish);
  if (!request)
    return request.status();
  Search search = {wish.driverVersion, false, ""};
  auto own = makeOwn(wish, *request, search);
  ErrorCode code = own.status().code();
  // A compiler of another version is no want of one.
  if (search.isAnswered ||
      (code != ErrorCode::NotFound && code != ErrorCode::Environment))
    return own;
  std::optional<Artefact> wider;
  if (wish.orWider && !wish.dumpDir)
    wider = findWider(wish, *request, search);
  if (!wider)
    return search.passedOver.empty()
               ? std::move(own)
               : Expected<Artefact>(Status::environment(fmt::format(
                     "{}: install a newer driver of the GPU; or else {}",
                     search.passedOver, own.message())));
  log(NYBL_LOG_WARNING,
      fmt::format("'{}' on {} is served by the kernel of '{}' ({}), {}: {}",
                  wish.problemClass, wish.chip, wider->manifest.problem,
                  wider->origin, remark(wider->manifest, wish.problemClass),
                  own.message()));
  return std::move(*wider);
}

Expected<Artefact> Artefacts::makeOwn(const Wish &wish, KernelRequest request,
                                      Search &search) {
  Watch watch;
  if (!wish.dumpDir)
    if (auto found = findInBundles(request, search))
      return *found;
  auto tools = findTools(wish);
  if (!tools || !cache.isOn() || wish.dumpDir)
    return compile(wish, request, tools, search);
  request.compiler = tools->fingerprint;
  request.ptxas = tools->ptxasVersion;
  auto text = print(request);
  if (!text) // a schedule of more than one line
    return compile(wish, request, tools, search);
  Turn turn(*text);
  if (!wish.verifyEach)
    if (auto found = findInCache(request)) {
      found->phases = watch.phases("cache");
      return std::move(*found);
    }
  auto artefact = compile(wish, request, tools, search);
  if (artefact)
    store(*artefact);
  return artefact;
}
