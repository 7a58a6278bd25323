// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// SHA-256 against the vectors of FIPS 180-4's examples.

#include "runtime/Support/Digest.h"
#include <gtest/gtest.h>

using namespace nybl;

TEST(Digest, KnownAnswers) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb924"
                        "27ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223"
                           "b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(Digest, IsWhatItMakes) {
  EXPECT_TRUE(isDigest(sha256("abc")));
  EXPECT_FALSE(isDigest(""));
  EXPECT_FALSE(isDigest(sha256("abc").substr(1)));
  EXPECT_FALSE(isDigest(std::string(64, 'A')));
}
