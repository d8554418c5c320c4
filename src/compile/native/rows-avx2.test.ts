import { rowsSuite } from '../../../native/test/rows-suite.js';

rowsSuite('avx2');
