// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// WordPiece on a small vocabulary of our own, and on the model's against
// numbers that are published with BERT "uncased".
#include "tests/EndToEnd/Demo/WordPiece.h"
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>

using namespace nybl;
using namespace nybl::demo;

using Ids = std::vector<int32_t>;

static WordPiece small() {
  auto result = WordPiece::fromVocabulary("[UNK]\n[CLS]\n[SEP]\nun\n##aff\n"
                                          "##able\n##a\n!\n,\n2\n##5\nun2\n");
  EXPECT_TRUE(result) << result.message();
  return *result;
}

static Ids encode(const WordPiece &tokeniser, std::string_view text) {
  auto ids = tokeniser.encode(text);
  EXPECT_TRUE(ids) << ids.message();
  return ids ? *ids : Ids();
}

TEST(WordPiece, TakesTheLongestPieceFromTheLeft) {
  EXPECT_EQ(encode(small(), "unaffable"), (Ids{1, 3, 4, 5, 2}));
  EXPECT_EQ(encode(small(), "un2"), (Ids{1, 11, 2}));
}

TEST(WordPiece, LowersCaseAndSplitsAtSpaceAndPunctuation) {
  EXPECT_EQ(encode(small(), " UN,\tun!\n2"), (Ids{1, 3, 8, 3, 7, 9, 2}));
}

TEST(WordPiece, AWordWithAnUnknownRestIsUnknownWhole) {
  EXPECT_EQ(encode(small(), "unx 25"), (Ids{1, 0, 9, 10, 2}));
}

TEST(WordPiece, AWordOfMoreThan100CharactersIsUnknown) {
  std::string longest = "un" + std::string(98, 'a');
  EXPECT_EQ(encode(small(), longest).size(), 2u + 1 + 98);
  EXPECT_EQ(encode(small(), longest + "a"), (Ids{1, 0, 2}));
}

TEST(WordPiece, NothingButSpaceHasNoPieces) {
  EXPECT_EQ(encode(small(), ""), (Ids{1, 2}));
  EXPECT_EQ(encode(small(), " \n"), (Ids{1, 2}));
}

TEST(WordPiece, RefusesWhatItCannotSplit) {
  auto accent = small().encode("un caf\xc3\xa9");
  ASSERT_FALSE(accent);
  EXPECT_EQ(accent.status().code(), ErrorCode::Invalid);
  EXPECT_NE(accent.message().find("0xc3 at position 6"), std::string::npos)
      << accent.message();
  EXPECT_FALSE(small().encode(std::string_view("a\0b", 3)));
}

TEST(WordPiece, RefusesAVocabularyThatLacksOrRepeatsPieces) {
  auto lacks = WordPiece::fromVocabulary("[UNK]\n[CLS]\n");
  ASSERT_FALSE(lacks);
  EXPECT_NE(lacks.message().find("[SEP]"), std::string::npos);
  EXPECT_FALSE(WordPiece::fromVocabulary("[UNK]\n[CLS]\n[SEP]\na\na\n"));
  EXPECT_FALSE(WordPiece::fromVocabulary(""));
}

TEST(WordPiece, AgreesWithPublishedNumbersOfBertUncased) {
  std::ifstream file(NYBL_MODEL_DIR "/vocab.txt", std::ios::binary);
  ASSERT_TRUE(file) << "expected the model in " NYBL_MODEL_DIR
                       ": './dev test' and './dev demo' install it there";
  std::string text(std::istreambuf_iterator<char>(file), {});
  auto bert = WordPiece::fromVocabulary(text);
  ASSERT_TRUE(bert) << bert.message();
  EXPECT_EQ(bert->size(), 30522);
  EXPECT_EQ(encode(*bert, "Hello, world!"),
            (Ids{101, 7592, 1010, 2088, 999, 102}));
  EXPECT_EQ(encode(*bert, "The quick brown fox jumps over the lazy dog."),
            (Ids{101, 1996, 4248, 2829, 4419, 14523, 2058, 1996, 13971, 3899,
                 1012, 102}));
  EXPECT_EQ(encode(*bert, "unaffable embeddings"),
            (Ids{101, 14477, 20961, 3468, 7861, 8270, 4667, 2015, 102}));
}
