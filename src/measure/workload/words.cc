#include "measure/workload/words.h"

#include <array>
#include <string_view>

#include "measure/workload/random_stream.h"

namespace hadal {
namespace {

constexpr std::array<std::string_view, 256> kWords = {
    "the",     "of",      "and",     "to",      "in",     "is",      "that",   "for",    "it",
    "as",      "was",     "with",    "be",      "by",     "on",      "not",    "he",     "his",
    "but",     "at",      "are",     "this",    "have",   "from",    "or",     "had",    "an",
    "they",    "which",   "one",     "you",     "were",   "all",     "her",    "she",    "there",
    "would",   "their",   "we",      "him",     "been",   "has",     "when",   "who",    "will",
    "more",    "no",      "if",      "out",     "so",     "said",    "what",   "up",     "its",
    "about",   "into",    "than",    "them",    "can",    "only",    "other",  "new",    "some",
    "could",   "time",    "these",   "two",     "may",    "then",    "do",     "first",  "any",
    "my",      "now",     "such",    "like",    "our",    "over",    "man",    "me",     "even",
    "most",    "made",    "after",   "also",    "did",    "many",    "before", "must",   "through",
    "back",    "years",   "where",   "much",    "your",   "way",     "well",   "down",   "should",
    "because", "each",    "just",    "those",   "people", "how",     "too",    "little", "state",
    "good",    "very",    "make",    "world",   "still",  "own",     "see",    "men",    "work",
    "long",    "get",     "here",    "between", "both",   "life",    "being",  "under",  "never",
    "day",     "same",    "another", "know",    "while",  "last",    "might",  "us",     "great",
    "old",     "year",    "off",     "come",    "since",  "against", "go",     "came",   "right",
    "used",    "take",    "three",   "small",   "large",  "place",   "house",  "during", "without",
    "again",   "home",    "around",  "water",   "public", "number",  "part",   "found",  "every",
    "thought", "head",    "far",     "hand",    "high",   "end",     "does",   "put",    "think",
    "city",    "until",   "young",   "group",   "night",  "eyes",    "side",   "room",   "few",
    "got",     "country", "often",   "given",   "order",  "point",   "form",   "school", "face",
    "once",    "best",    "next",    "second",  "food",   "light",   "power",  "local",  "open",
    "change",  "family",  "love",    "history", "above",  "door",    "course", "class",  "church",
    "body",    "feet",    "human",   "music",   "kind",   "problem", "social", "cost",   "common",
    "east",    "river",   "field",   "force",   "half",   "hard",    "hope",   "north",  "main",
    "plan",    "paper",   "play",    "price",   "road",   "short",   "south",  "space",  "stand",
    "start",   "story",   "street",  "study",   "table",  "test",    "town",   "true",   "turn",
    "type",    "value",   "voice",   "wall",    "war",    "week",    "west",   "white",  "whole",
    "wind",    "word",    "air",     "age",
};

}  // namespace

void append_random_words(std::string& text, uint64_t key, int64_t count) {
  RandomStream random(key);
  for (int64_t i = 0; i < count; ++i) {
    if (!text.empty()) text += ' ';
    text += kWords[random.below(kWords.size())];
  }
}

}  // namespace hadal
