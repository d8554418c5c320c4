import { type AdafactorSettings, adafactor } from './adafactor.js';
import { type AdamWSettings, adamWOptimizer } from './adamw.js';
import { type AdaptiveLionSettings, adaptiveLion } from './adaptive-lion.js';
import { type LionSettings, lion } from './lion.js';
import { type MuonSettings, muon } from './muon.js';
import type { Optimizer } from './optimizer.js';
import type { TensorRules } from './parameter-rules.js';
import { type SgdSettings, sgd } from './sgd.js';
import { type ShampooSettings, shampoo } from './shampoo.js';
import { type SoapSettings, soap } from './soap.js';
import { type TgAdamSettings, tgAdam } from './tg-adam.js';

export type OptimizerSettings =
  | ({ readonly kind: 'adamw' } & AdamWSettings)
  | ({ readonly kind: 'muon' } & MuonSettings)
  | ({ readonly kind: 'lion' } & LionSettings)
  | ({ readonly kind: 'adaptiveLion' } & AdaptiveLionSettings)
  | ({ readonly kind: 'adafactor' } & AdafactorSettings)
  | ({ readonly kind: 'shampoo' } & ShampooSettings)
  | ({ readonly kind: 'soap' } & SoapSettings)
  | ({ readonly kind: 'tgAdam' } & TgAdamSettings)
  | ({ readonly kind: 'sgd' } & SgdSettings);

/** The optimizer of that kind; see the function of its name for the formula. */
export const optimizerOf = (settings: OptimizerSettings, rules: TensorRules = {}): Optimizer => {
  switch (settings.kind) {
    case 'adamw':
      return adamWOptimizer(settings, rules);
    case 'muon':
      return muon(settings, rules);
    case 'lion':
      return lion(settings, rules);
    case 'adaptiveLion':
      return adaptiveLion(settings, rules);
    case 'adafactor':
      return adafactor(settings, rules);
    case 'shampoo':
      return shampoo(settings, rules);
    case 'soap':
      return soap(settings, rules);
    case 'tgAdam':
      return tgAdam(settings, rules);
    case 'sgd':
      return sgd(settings, rules);
  }
};
