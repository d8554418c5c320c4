import { describe } from 'vitest';
import { combinations, testCombinations } from './combinations-support.js';

describe('the second half of the random combinations', () =>
  testCombinations(combinations.length / 2, combinations.length));
