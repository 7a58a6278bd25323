// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The cache on disk: what is stored is found, by that very request; what is
// damaged, misplaced or somebody else's is passed over; what is old goes.

#include "runtime/Cache/Cache.h"
#include "tests/Bundle/Kernels.h"
#include "tests/Tools/Folder.h"
#include <csignal>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace nybl;
using namespace nybl::cache;
using nybl::tests::contentOf;
using nybl::tests::kernelOf;
using nybl::tests::sameBytes;
using nybl::tests::writeText;

namespace {

class CacheTest : public testing::Test {
protected:
  /// A cache in folders of `place`.
  Cache cacheIn(std::vector<std::string> tiers, uint64_t limit = uint64_t(1)
                                                                 << 30) {
    Settings settings;
    for (const std::string &tier : tiers)
      settings.tiers.push_back(place / tier);
    settings.limit = limit;
    return Cache(settings,
                 [this](const std::string &m) { logged.push_back(m); });
  }
  bool hasLogged(const char *part) const {
    for (const std::string &message : logged)
      if (message.find(part) != message.npos)
        return true;
    return false;
  }
  /// Path of the entry in the tier "one".
  std::string pathOf(const bundle::Kernel &kernel) {
    return place / ("one/" + *entryName(kernel.request));
  }
  size_t count(Kind kind) {
    auto names = place.files("one");
    return size_t(
        std::count_if(names.begin(), names.end(), [&](const std::string &name) {
          return kindOf(name) == kind;
        }));
  }

  tests::Folder place;
  std::vector<std::string> logged;
  bundle::Kernel kernel = kernelOf(8);
};

TEST_F(CacheTest, WhatIsStoredIsFoundByThatVeryRequest) {
  Cache cache = cacheIn({"one"});
  EXPECT_FALSE(cache.find(kernel.request)) << "not even a folder is there";
  cache.store(kernel);
  auto found = cacheIn({"one"}).find(kernel.request);
  ASSERT_TRUE(found);
  EXPECT_TRUE(sameBytes(*found, kernel));
  for (auto field : {&KernelRequest::problem, &KernelRequest::chip,
                     &KernelRequest::schedule, &KernelRequest::templateDigest,
                     &KernelRequest::compiler, &KernelRequest::ptxas}) {
    KernelRequest other = kernel.request;
    other.*field += "x";
    EXPECT_FALSE(cache.find(other));
  }
  EXPECT_TRUE(logged.empty()) << logged.front();
  EXPECT_EQ(place.files("one").size(), 1u);
}

TEST_F(CacheTest, IsForUsAlone) {
  umask(0);
  cacheIn({"deep/er/one"}).store(kernel);
  umask(022);
  for (const char *folder : {"deep", "deep/er", "deep/er/one"}) {
    struct stat info;
    ASSERT_EQ(stat((place / folder).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0700u) << folder;
  }
  struct stat info;
  ASSERT_EQ(
      stat((place / ("deep/er/one/" + *entryName(kernel.request))).c_str(),
           &info),
      0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
}

// Each byte's turn comes in BundleTest; here, what the folder makes of it.
TEST_F(CacheTest, AChangedByteIsAMissOrHarmless) {
  Cache cache = cacheIn({"one"});
  cache.store(kernel);
  std::string path = pathOf(kernel), right = contentOf(path);
  size_t misses = 0, tries = 0;
  for (size_t at = 0; at < right.size(); at += 7, ++tries) {
    std::string wrong = right;
    wrong[at] = char(wrong[at] ^ 0x20);
    writeText(path, wrong);
    if (auto found = cache.find(kernel.request)) {
      ASSERT_TRUE(sameBytes(*found, kernel)) << at;
      continue;
    }
    ++misses;
    ASSERT_NE(access(path.c_str(), F_OK), 0) << "it is renamed aside: " << at;
  }
  EXPECT_GT(misses, tries / 2);
  EXPECT_EQ(count(Kind::Bad), misses);
  cache.store(kernel);
  EXPECT_TRUE(cache.find(kernel.request));
}

TEST_F(CacheTest, WhatIsCutOffIsAMiss) {
  Cache cache = cacheIn({"one"});
  cache.store(kernel);
  std::string path = pathOf(kernel), right = contentOf(path);
  for (size_t length = 0; length < right.size(); length += 5) {
    writeText(path, right.substr(0, length));
    ASSERT_FALSE(cache.find(kernel.request)) << length;
  }
  writeText(path, right + std::string(8, '\0'));
  EXPECT_FALSE(cache.find(kernel.request));
  writeText(path, right);
  EXPECT_TRUE(cache.find(kernel.request));
}

TEST_F(CacheTest, AKernelUnderAnothersNameIsNotServed) {
  Cache cache = cacheIn({"one"});
  bundle::Kernel other = kernelOf(24);
  cache.store(kernel);
  cache.store(other);
  ASSERT_EQ(rename(pathOf(other).c_str(), pathOf(kernel).c_str()), 0);
  EXPECT_FALSE(cache.find(kernel.request));
  EXPECT_TRUE(hasLogged("it holds the kernel of another request, 'gemm m=? "
                        "n=24"));
  EXPECT_EQ(count(Kind::Bad), 1u);
}

TEST_F(CacheTest, LaterTiersAreReadAndNeverWritten) {
  cacheIn({"shared"}).store(kernel);
  Cache cache = cacheIn({"one", "missing", "shared"});
  EXPECT_TRUE(cache.find(kernel.request));
  EXPECT_TRUE(place.files("one").empty());
  std::string path = place / ("shared/" + *entryName(kernel.request));
  writeText(path, "damaged");
  EXPECT_FALSE(cache.find(kernel.request));
  EXPECT_EQ(place.files("shared").size(), 1u) << "not ours to rename";
  cache.store(kernel);
  EXPECT_TRUE(cache.find(kernel.request));
  EXPECT_EQ(contentOf(path), "damaged");
}

TEST_F(CacheTest, TheOldestGoFirst) {
  Cache all = cacheIn({"one"});
  uint64_t bytes = 0;
  for (int n = 1; n <= 4; ++n) {
    all.store(kernelOf(n));
    std::string path = pathOf(kernelOf(n));
    bytes = std::max<uint64_t>(bytes, contentOf(path).size());
    timespec times[2] = {{1000 - n, 0}, {1000 - n, 0}}; // 4 is the oldest
    ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  }
  Cache small = cacheIn({"one"}, 3 * bytes);
  small.store(kernelOf(5));
  for (int n = 1; n <= 5; ++n)
    EXPECT_EQ(small.find(kernelOf(n).request).has_value(), n != 3 && n != 4)
        << n;
  EXPECT_TRUE(logged.empty());
  cacheIn({"one"}, 10).store(kernelOf(6));
  EXPECT_TRUE(hasLogged("is not kept, the limit is 10"));
  EXPECT_FALSE(all.find(kernelOf(6).request));
  EXPECT_TRUE(all.find(kernelOf(5).request));
}

TEST_F(CacheTest, WhatWasLeftByTheKilledGoesWhenItIsOld) {
  Cache cache = cacheIn({"one"});
  cache.store(kernel);
  std::string old = pathOf(kernel) + ".1-0.tmp", young = old + "2.tmp";
  writeText(old, "half");
  writeText(young, "half");
  writeText(place / "one/mine.txt", "not the cache's");
  timespec times[2] = {{1000, 0}, {1000, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, old.c_str(), times, 0), 0);
  cache.store(kernelOf(24));
  EXPECT_NE(access(old.c_str(), F_OK), 0);
  EXPECT_EQ(access(young.c_str(), F_OK), 0) << "somebody may be writing it";
  EXPECT_EQ(access((place / "one/mine.txt").c_str(), F_OK), 0);
}

TEST_F(CacheTest, FoldersThatOthersCanWriteToAreNotUsed) {
  Cache cache = cacheIn({"one"});
  cache.store(kernel);
  ASSERT_EQ(chmod((place / "one").c_str(), 0770), 0);
  EXPECT_FALSE(cache.find(kernel.request));
  EXPECT_TRUE(hasLogged("its mode is 770, so others can write to it"));
  ASSERT_EQ(chmod((place / "one").c_str(), 0750), 0);
  EXPECT_TRUE(cache.find(kernel.request)) << "others may read it";
  ASSERT_EQ(chmod(pathOf(kernel).c_str(), 0602), 0);
  EXPECT_FALSE(cache.find(kernel.request));
  ASSERT_EQ(chmod(pathOf(kernel).c_str(), 0600), 0);
  ASSERT_EQ(mkdir((place / "open").c_str(), 0777), 0);
  ASSERT_EQ(chmod((place / "open").c_str(), 0777), 0);
  cacheIn({"open/one"}).store(kernel);
  EXPECT_TRUE(hasLogged("open' has the mode 777, so others can rename"));
  ASSERT_EQ(chmod((place / "open").c_str(), 01777), 0);
  EXPECT_FALSE(cacheIn({"open/one"}).find(kernel.request));
  cacheIn({"open/one"}).store(kernel);
  EXPECT_TRUE(cacheIn({"open/one"}).find(kernel.request)) << "sticky, as /tmp";
}

TEST_F(CacheTest, LinksAreNotFollowed) {
  cacheIn({"one"}).store(kernel);
  ASSERT_EQ(symlink("one", (place / "link").c_str()), 0);
  EXPECT_FALSE(cacheIn({"link"}).find(kernel.request));
  EXPECT_TRUE(hasLogged("it is no folder, or a link to one"));
  std::string aside = place / "aside";
  ASSERT_EQ(rename(pathOf(kernel).c_str(), aside.c_str()), 0);
  ASSERT_EQ(symlink(aside.c_str(), pathOf(kernel).c_str()), 0);
  EXPECT_FALSE(cacheIn({"one"}).find(kernel.request));
  ASSERT_EQ(unlink(pathOf(kernel).c_str()), 0);
  ASSERT_EQ(mkfifo(pathOf(kernel).c_str(), 0600), 0);
  EXPECT_FALSE(cacheIn({"one"}).find(kernel.request)) << "and no waiting";
}

TEST_F(CacheTest, FoldersOfOthersAreNotUsed) {
  if (geteuid() != 0)
    GTEST_SKIP() << "only root can give folders away";
  cacheIn({"one"}).store(kernel);
  ASSERT_EQ(chown((place / "one").c_str(), 12345, 12345), 0);
  EXPECT_FALSE(cacheIn({"one"}).find(kernel.request));
  EXPECT_TRUE(hasLogged("it belongs to user 12345"));
}

TEST_F(CacheTest, AFullDiskLeavesNothingAndFailsNobody) {
  Cache cache = cacheIn({"one"});
  cache.store(kernelOf(24));
  rlimit before;
  getrlimit(RLIMIT_FSIZE, &before);
  auto ignored = std::signal(SIGXFSZ, SIG_IGN);
  for (rlim_t most : {0, 1, 100, 1000}) {
    rlimit small = {most, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    cache.store(kernel);
    setrlimit(RLIMIT_FSIZE, &before);
    EXPECT_EQ(place.files("one").size(), 1u) << most;
    EXPECT_FALSE(cache.find(kernel.request));
  }
  std::signal(SIGXFSZ, ignored);
  EXPECT_TRUE(hasLogged("cannot write"));
  cache.store(kernel);
  EXPECT_TRUE(cache.find(kernel.request));
}

TEST_F(CacheTest, WhereNothingCanBeWrittenWhatIsSetAsideGoes) {
  Cache cache = cacheIn({"one"});
  cache.store(kernel);
  writeText(pathOf(kernel), "damaged");
  EXPECT_FALSE(cache.find(kernel.request));
  ASSERT_EQ(count(Kind::Bad), 1u);
  cache.store(kernelOf(24));
  EXPECT_EQ(count(Kind::Bad), 1u) << "there is room";
  // A folder in the place of the entry: no file can take its name.
  ASSERT_EQ(mkdir(pathOf(kernel).c_str(), 0700), 0);
  cache.store(kernel);
  EXPECT_TRUE(hasLogged("cannot write"));
  EXPECT_EQ(count(Kind::Bad), 0u);
  EXPECT_EQ(count(Kind::Temporary), 0u);
}

TEST_F(CacheTest, WhatCannotBeAFolderFailsNobody) {
  writeText(place / "file", "");
  Cache cache = cacheIn({"file/one"});
  cache.store(kernel);
  EXPECT_FALSE(cache.find(kernel.request));
  EXPECT_TRUE(hasLogged("the cache of kernels: "));
  Cache off;
  off.store(kernel);
  EXPECT_FALSE(off.find(kernel.request));
  kernel.request.schedule = "two\nlines";
  cacheIn({"one"}).store(kernel);
  EXPECT_FALSE(cacheIn({"one"}).find(kernel.request));
  EXPECT_TRUE(hasLogged("expected one line of text"));
}

/// Variables for one scope.
class Environment {
public:
  using Variables = std::vector<std::pair<const char *, const char *>>;
  explicit Environment(const Variables &set = {}) {
    for (const char *name : {"NYBL_CACHE", "NYBL_CACHE_PATH", "NYBL_CACHE_SIZE",
                             "XDG_CACHE_HOME", "HOME"}) {
      const char *value = getenv(name);
      before.emplace_back(name, value ? value : "");
      unsetenv(name);
    }
    for (auto [name, value] : set)
      setenv(name, value, 1);
  }
  Environment(const Environment &) = delete;
  ~Environment() {
    for (const auto &[name, value] : before)
      value.empty() ? unsetenv(name) : setenv(name, value.c_str(), 1);
  }

private:
  std::vector<std::pair<const char *, std::string>> before;
};

using Tiers = std::vector<std::string>;

TEST(CacheSettings, PathBeforeXdgBeforeHome) {
  {
    Environment set(Environment::Variables{{"HOME", "/h"}});
    EXPECT_EQ(Settings::find(nullptr).tiers, Tiers{"/h/.cache/nybl"});
  }
  {
    Environment set({{"HOME", "/h"}, {"XDG_CACHE_HOME", "/x"}});
    EXPECT_EQ(Settings::find(nullptr).tiers, Tiers{"/x/nybl"});
    EXPECT_EQ(Settings::find("/a:/b").tiers, (Tiers{"/a", "/b"}));
    EXPECT_TRUE(Settings::find("").tiers.empty());
  }
  Environment set({{"HOME", "/h"}, {"NYBL_CACHE_PATH", ":/a::/b:"}});
  EXPECT_EQ(Settings::find(nullptr).tiers, (Tiers{"/a", "/b"}));
}

TEST(CacheSettings, OffSaysWhy) {
  {
    Environment set;
    Settings settings = Settings::find(nullptr);
    EXPECT_TRUE(settings.tiers.empty());
    EXPECT_NE(settings.off.find("nor HOME says where"), std::string::npos);
  }
  {
    Environment set({{"HOME", "/h"}, {"NYBL_CACHE", "off"}});
    EXPECT_TRUE(Settings::find(nullptr).tiers.empty());
    EXPECT_EQ(Settings::find(nullptr).off, "NYBL_CACHE is off");
  }
  Environment set({{"HOME", "/h"}, {"NYBL_CACHE", "perhaps"}});
  EXPECT_FALSE(Settings::find(nullptr).tiers.empty());
  EXPECT_EQ(Settings::find(nullptr).warning,
            "NYBL_CACHE: expected on or off, got 'perhaps'");
}

TEST(CacheSettings, NoneForWhoHasMoreRightsThanTheUser) {
  if (geteuid() != 0)
    GTEST_SKIP() << "only root can have other rights than the user";
  EXPECT_FALSE(Settings::find("/a").tiers.empty());
  ASSERT_EQ(seteuid(12345), 0);
  Settings settings = Settings::find("/a");
  ASSERT_EQ(seteuid(0), 0);
  EXPECT_TRUE(settings.tiers.empty());
  EXPECT_NE(settings.off.find("more rights than the user"), std::string::npos);
}

TEST(CacheSettings, Sizes) {
  EXPECT_EQ(parseSize("4096"), 4096u);
  EXPECT_EQ(parseSize("3K"), 3072u);
  EXPECT_EQ(parseSize("512M"), 512u << 20);
  EXPECT_EQ(parseSize("2G"), uint64_t(2) << 30);
  for (const char *wrong : {"", "K", "-1", "1.5G", "1GB", "99999999999G"})
    EXPECT_FALSE(parseSize(wrong)) << wrong;
  Environment set({{"HOME", "/h"}, {"NYBL_CACHE_SIZE", "3K"}});
  EXPECT_EQ(Settings::find(nullptr).limit, 3072u);
  setenv("NYBL_CACHE_SIZE", "much", 1);
  EXPECT_NE(Settings::find(nullptr).warning.find("got 'much'"),
            std::string::npos);
}

} // namespace
