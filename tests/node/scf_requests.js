// Reads one function's inputs as JSON on stdin and prints the CreateFunction and CreateTrigger requests that Tencent's
// own toolkit makes of them.
const { formatInputs } = require('tencent-component-toolkit/lib/modules/scf/utils');
const HttpTrigger = require('tencent-component-toolkit/lib/modules/triggers/http').default;

const inputs = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const trigger = new HttpTrigger({ credentials: {}, region: inputs.region });
const { triggerInputs } = trigger.formatInputs({
  inputs: { ...inputs.events[0].http, functionName: inputs.name, namespace: 'default' },
});
console.log(JSON.stringify({ function: formatInputs(inputs), trigger: triggerInputs }));
