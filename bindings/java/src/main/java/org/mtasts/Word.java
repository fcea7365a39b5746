package org.mtasts;

import java.util.Collection;

/** A number of docs/abi.md, the word that logs, metrics and JSON use for it, and what it means. */
public interface Word {
  int number();

  /** May be empty: the number that says "nothing". */
  String word();

  String meaning();

  static <W extends Word> W of(W[] all, int number, W otherwise) {
    for (W one : all) if (one.number() == number) return one;
    return otherwise;
  }

  /** The sum of the bits of a set. */
  static int bits(Collection<? extends Word> set) {
    return set.stream().mapToInt(Word::number).reduce(0, (sum, bit) -> sum | bit);
  }
}
