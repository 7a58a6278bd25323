// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where the cache is, what is taken from it, what goes when it is full.

#include "runtime/Cache/Cache.h"
#include "runtime/Support/Digest.h"
#include "runtime/Support/Environment.h"
#include "runtime/Support/File.h"
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <fmt/format.h>
#include <sys/auxv.h>
#include <tuple>
#include <unistd.h>

using namespace nybl;
using namespace nybl::cache;

namespace {

constexpr std::string_view entrySuffix = ".nybl", badSuffix = ".bad",
                           temporarySuffix = ".tmp";

/// What one kernel may take: far more than any does.
constexpr uint64_t largestEntry = uint64_t(64) << 20;

constexpr int64_t hour = int64_t(3600) * 1'000'000'000;

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = std::min(text.find(':', begin), text.size());
    if (end > begin)
      parts.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::string defaultFolder() {
  if (std::string home = environmentVariable("XDG_CACHE_HOME");
      home.starts_with("/"))
    return home + "/nybl";
  if (std::string home = environmentVariable("HOME"); home.starts_with("/"))
    return home + "/.cache/nybl";
  return "";
}

/// By the clock of this machine, which others need not share.
int64_t now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

bool isStale(const File &file) {
  int64_t age = now() - file.written;
  return age > hour || age < -hour;
}

} // namespace

std::optional<uint64_t> nybl::cache::parseSize(std::string_view text) {
  uint64_t number = 0;
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  std::string_view unit = text.substr(size_t(end - text.data()));
  int shift = unit.empty()  ? 0
              : unit == "K" ? 10
              : unit == "M" ? 20
              : unit == "G" ? 30
                            : -1;
  if (error != std::errc() || shift < 0 || number > (UINT64_MAX >> shift))
    return std::nullopt;
  return number << shift;
}

Settings Settings::find(const char *path) {
  Settings settings;
  std::string named =
      path ? std::string(path) : environmentVariable("NYBL_CACHE_PATH");
  std::string wish = path ? "" : environmentVariable("NYBL_CACHE");
  if (wish != "" && wish != "on" && wish != "off")
    settings.warning =
        fmt::format("NYBL_CACHE: expected on or off, got '{}'", wish);
  std::string size = environmentVariable("NYBL_CACHE_SIZE");
  if (auto bytes = parseSize(size))
    settings.limit = *bytes;
  else if (!size.empty())
    settings.warning = fmt::format("NYBL_CACHE_SIZE: expected a number of "
                                   "bytes, as 4096, 512M or 2G, got '{}'",
                                   size);
  if (path && !*path)
    settings.off = "the caller wants none";
  else if (wish == "off")
    settings.off = "NYBL_CACHE is off";
  else if (hasRaisedRights())
    settings.off = "this process has more rights than the user who started it";
  else
    settings.tiers = split(named.empty() ? defaultFolder() : named);
  if (settings.tiers.empty() && settings.off.empty())
    settings.off = "neither NYBL_CACHE_PATH nor XDG_CACHE_HOME nor HOME says "
                   "where";
  return settings;
}

Kind nybl::cache::kindOf(const std::string &name) {
  if (name.ends_with(temporarySuffix))
    return Kind::Temporary;
  if (name.ends_with(badSuffix))
    return Kind::Bad;
  bool isEntry = name.ends_with(entrySuffix) &&
                 isDigest(name.substr(0, name.size() - entrySuffix.size()));
  return isEntry ? Kind::Entry : Kind::Other;
}

Expected<std::string> nybl::cache::entryName(const KernelRequest &request) {
  auto text = print(request);
  if (!text)
    return text.status();
  std::string digest = sha256(*text);
  if (digest.empty())
    return Status::environment("libcrypto gives no SHA-256, which the cache "
                               "needs: look at its configuration");
  return digest.append(entrySuffix);
}

Expected<bundle::Kernel> nybl::cache::readEntry(const Folder &folder,
                                                const std::string &name) {
  auto bytes = folder.read(name, largestEntry);
  if (!bytes)
    return bytes.status();
  auto bundle = bundle::Bundle::read(std::move(*bytes));
  if (!bundle)
    return bundle.status();
  if (bundle->rows().size() != 1)
    return Status::invalid(
        fmt::format("expected one kernel, got {}", bundle->rows().size()));
  auto kernel = bundle->kernel(bundle->rows().front());
  if (!kernel)
    return kernel.status();
  auto rightName = entryName(kernel->request);
  if (!rightName)
    return rightName.status();
  if (*rightName != name)
    return Status::invalid(
        fmt::format("it holds the kernel of another request, '{}' on {}",
                    kernel->request.problem, kernel->request.chip));
  return kernel;
}

Status nybl::cache::quarantine(const Folder &folder, const std::string &name) {
  std::string aside = temporaryBeside(name);
  aside.replace(aside.size() - temporarySuffix.size(), temporarySuffix.size(),
                badSuffix);
  return folder.rename(name, aside);
}

Expected<Pruned> nybl::cache::prune(const Folder &folder, uint64_t limit,
                                    bool bad) {
  auto files = folder.files();
  if (!files)
    return files.status();
  std::vector<File> entries, remove;
  uint64_t total = 0;
  for (const File &file : *files) {
    Kind kind = kindOf(file.name);
    if ((kind == Kind::Bad && bad) ||
        (kind == Kind::Temporary && isStale(file)))
      remove.push_back(file);
    else if (kind != Kind::Other)
      total += file.bytes;
    if (kind == Kind::Entry || (kind == Kind::Bad && !bad))
      entries.push_back(file);
  }
  std::sort(entries.begin(), entries.end(), [](const File &a, const File &b) {
    return std::tie(a.written, a.name) < std::tie(b.written, b.name);
  });
  for (const File &file : entries) {
    if (total <= limit)
      break;
    total -= file.bytes;
    remove.push_back(file);
  }
  Pruned pruned;
  for (const File &file : remove) {
    if (Status status = folder.remove(file.name); !status)
      return status;
    ++pruned.files;
    pruned.bytes += file.bytes;
  }
  return pruned;
}

Cache::Cache(Settings s, Log log)
    : settings(std::move(s)), logger(std::move(log)) {
  if (!settings.warning.empty())
    this->log(settings.warning);
}

void Cache::log(const std::string &message) const {
  if (logger)
    logger("the cache of kernels: " + message);
}

std::optional<bundle::Kernel> Cache::find(const KernelRequest &request) const {
  if (!isOn())
    return std::nullopt;
  auto name = entryName(request);
  if (!name) {
    log(name.message());
    return std::nullopt;
  }
  for (size_t tier = 0; tier < settings.tiers.size(); ++tier)
    if (auto kernel = findIn(tier, *name, request))
      return kernel;
  return std::nullopt;
}

std::optional<bundle::Kernel>
Cache::findIn(size_t tier, const std::string &name,
              const KernelRequest &request) const {
  auto folder = Folder::open(settings.tiers[tier], Folder::Use::Read);
  if (!folder) {
    if (folder.status().code() != ErrorCode::NotFound)
      log(folder.message());
    return std::nullopt;
  }
  auto kernel = readEntry(*folder, name);
  if (kernel && kernel->request == request)
    return std::move(*kernel);
  // Two requests with one SHA-256: nobody's damage, and no hit.
  ErrorCode code = kernel ? ErrorCode::NotFound : kernel.status().code();
  if (code == ErrorCode::NotFound)
    return std::nullopt;
  log(fmt::format("'{}/{}' is passed over: {}", folder->path(), name,
                  kernel.message()));
  if (tier == 0 && code == ErrorCode::Invalid)
    if (Status status = quarantine(*folder, name);
        !status && status.code() != ErrorCode::NotFound)
      log(status.message());
  return std::nullopt;
}

void Cache::store(const bundle::Kernel &kernel) const {
  if (!isOn())
    return;
  auto attempt = [&]() -> Status {
    auto name = entryName(kernel.request);
    if (!name)
      return name.status();
    auto bytes = bundle::write({kernel});
    if (!bytes)
      return bytes.status();
    if (bytes->size() > std::min(settings.limit, largestEntry))
      return Status::environment(
          fmt::format("a kernel of {} bytes is not kept, the limit is {}",
                      bytes->size(), std::min(settings.limit, largestEntry)));
    auto folder = Folder::open(settings.tiers.front(), Folder::Use::Write);
    if (!folder)
      return folder.status();
    Status written = folder->write(*name, *bytes);
    if (!written) { // a full disk: what is of no use goes
      auto pruned = prune(*folder, settings.limit, /*bad=*/true);
      if (pruned && pruned->files > 0)
        written = folder->write(*name, *bytes);
    }
    if (!written)
      return written;
    return prune(*folder, settings.limit, /*bad=*/false).status();
  };
  if (Status status = attempt(); !status)
    log(status.message());
}
