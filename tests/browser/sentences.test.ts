// Each result and refusal that a person can do something about has a sentence in each language, and each code of the server's
// has a place in the client.

import { notForPeople, type SentenceKey, sentenceFor, sentences } from '@latchkey/browser/sentences';
import { PROBLEMS } from '@latchkey/core';
import { describe, expect, it } from 'vitest';
import { refusalCodes } from '../../packages/browser/src/refusals.ts';

const languages = Object.keys(sentences) as (keyof typeof sentences)[];

describe('the refusals that the client knows', () => {
  it("are the server's", () => {
    const codes = new Set<string>(Object.keys(PROBLEMS));
    expect([...refusalCodes].sort()).toEqual([...codes].sort());
  });

  it('are for people or listed as not for them', () => {
    for (const code of refusalCodes) {
      expect([...notForPeople, ...Object.keys(sentences.en)].filter((key) => key === code)).toEqual([code]);
    }
  });
});

describe.each(languages)('the sentences in %s', (language) => {
  const keys = Object.keys(sentences.en) as SentenceKey[];

  it('are as many as in English', () => {
    expect(Object.keys(sentences[language])).toEqual(keys);
  });

  it.each(keys)('say something about %s', (key) => {
    const sentence = sentenceFor({ kind: 'refused', code: key }, { language })!;
    expect(sentence).toBe(sentences[language][key]);
    expect(sentence).toMatch(/^[^\s].{8,}[.。]$/u);
    expect(sentence.length).toBeLessThan(200);
    // No code, no markup, no name of ours.
    expect(sentence).not.toMatch(/_|<|\{|latchkey/i);
    if (language !== 'en') expect(sentence).not.toBe(sentences.en[key]);
  });
});

describe('sentenceFor()', () => {
  it.each(['unavailable', 'unreadable', 'unsupported', 'exists', 'busy', 'offline'] as const)('knows %s', (kind) => {
    expect(sentenceFor({ kind }, { language: 'en' })).toBe(sentences.en[kind]);
  });

  it.each(['passkey', 'done', 'password', 'aborted', 'misuse', 'toString'])('says nothing about %s', (kind) => {
    expect(sentenceFor({ kind }, { language: 'en' })).toBeUndefined();
  });

  it.each([...notForPeople, 'a_code_of_tomorrow', 'constructor'])('says only that it went wrong for %s', (code) => {
    expect(sentenceFor({ kind: 'refused', code }, { language: 'de' })).toBe(sentences.de.refused);
  });

  it.each([
    ['de-AT', sentences.de],
    ['JA', sentences.ja],
    ['pt-BR', sentences.en],
    ['', sentences.en],
    ['constructor', sentences.en],
  ])('in %j', (language, expected) => {
    expect(sentenceFor({ kind: 'offline' }, { language })).toBe(expected.offline);
  });

  it('says what the application would rather say', () => {
    const replace = { offline: 'Is the train in a tunnel?' };
    expect(sentenceFor({ kind: 'offline' }, { language: 'de', replace })).toBe(replace.offline);
    expect(sentenceFor({ kind: 'exists' }, { language: 'de', replace })).toBe(sentences.de.exists);
  });
});
